import { type Clock, OpenWitError } from '@openwit/ports';

/** What one tenant may take of a node. */
export interface TenantLimit {
  /** Whose; of everybody when it is absent. */
  readonly tenant?: string;
  /** Bytes of requests a second, decompressed, on average. */
  readonly maxBytesPerSecond?: number;
  /** How far above the average a burst may go, in bytes. Default: what four seconds give. */
  readonly burstBytes?: number;
  /** Bytes of files, in all tiers. */
  readonly maxStoredBytes?: number;
  /** Attribute columns of each of its tables. */
  readonly maxAttributeColumns?: number;
}

const BURST_SECONDS = 4;
/** Names come from outside. A bucket that was not used for so long is as good as new. */
const MOST_BUCKETS = 10_000;
const QUIET_MS = 60_000;
/** Files go by hours and days: asking again soon is no use. */
const STORED_RETRY_MS = 60_000;

interface Bucket {
  bytes: number;
  at: number;
}

/** Refuses what is more than a tenant may send or store. Of the limits that name a tenant, the last one that has a part holds. */
export class TenantLimits {
  readonly #clock: Clock;
  readonly #storedBytes: (tenant: string) => number;
  readonly #limits: readonly TenantLimit[];
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    { clock, storedBytes }: { readonly clock: Clock; readonly storedBytes: (tenant: string) => number },
    limits: readonly TenantLimit[],
  ) {
    this.#clock = clock;
    this.#storedBytes = storedBytes;
    this.#limits = limits;
  }

  /** A request of so many bytes is to be taken. @throws overloaded / RATE_LIMITED, QUOTA_EXCEEDED */
  check(tenant: string, bytes: number): void {
    if (this.#limits.length === 0) return;
    const limit = limitOf(this.#limits, tenant);
    this.#checkStored(tenant, limit);
    this.#checkRate(tenant, bytes, limit);
  }

  #checkStored(tenant: string, { maxStoredBytes }: TenantLimit): void {
    if (maxStoredBytes === undefined || this.#storedBytes(tenant) < maxStoredBytes) return;
    const message = `the tenant has as many bytes as it may store, tenant=${tenant} maxStoredBytes=${maxStoredBytes}`;
    throw new OpenWitError('overloaded', 'QUOTA_EXCEEDED', message, { retryAfterMs: STORED_RETRY_MS });
  }

  /** A bucket that fills by the rate; a request that is larger than the bucket has to wait until that is full. */
  #checkRate(tenant: string, bytes: number, { maxBytesPerSecond: rate, burstBytes }: TenantLimit): void {
    if (rate === undefined) return;
    const room = burstBytes ?? BURST_SECONDS * rate;
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(tenant) ?? { bytes: room, at: now };
    if (this.#buckets.size >= MOST_BUCKETS) this.#forgetQuiet(now);
    bucket.bytes = Math.min(room, bucket.bytes + ((now - bucket.at) / 1000) * rate);
    bucket.at = now;
    this.#buckets.set(tenant, bucket);
    const missing = Math.min(bytes, room) - bucket.bytes;
    if (missing <= 0) {
      bucket.bytes -= bytes;
      return;
    }
    const message = `the tenant sends more than its rate, tenant=${tenant} maxBytesPerSecond=${rate}`;
    const retryAfterMs = Math.ceil((missing / rate) * 1000);
    throw new OpenWitError('overloaded', 'RATE_LIMITED', message, { retryAfterMs });
  }

  #forgetQuiet(now: number): void {
    for (const [tenant, { at }] of this.#buckets) if (now - at > QUIET_MS) this.#buckets.delete(tenant);
  }
}

/** The limits of a tenant, each part as the last limit that names the tenant, and has the part, says. */
export function limitOf(limits: readonly TenantLimit[], tenant: string): TenantLimit {
  return Object.assign({}, ...limits.filter((limit) => (limit.tenant ?? tenant) === tenant)) as TenantLimit;
}
