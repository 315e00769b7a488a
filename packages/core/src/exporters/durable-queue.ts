import {
  type Clock,
  type IngestSink,
  isOpenWitError,
  keepingAlive,
  OpenWitError,
  type Signal,
  sleep,
} from '@openwit/ports';

/** The SDK's `ExportResult`: code 0 is success, 1 is failure. */
export interface ExportResult {
  readonly code: number;
  readonly error?: Error;
}

export type ExportCallback = (result: ExportResult) => void;

/** Records as OTLP bytes. */
export interface Encoded {
  readonly payload: Uint8Array;
  /** Why some of the records are not among them: the export fails with it when the others are on disk. */
  readonly error?: OpenWitError;
}

export type Encode = () => Encoded | Promise<Encoded>;

const SUCCESS = 0;
const FAILED = 1;
const RETRY_AFTER_MS = 200;
/** The SDK's batch processors have one export under way; one export for each span makes many. */
const MAX_UNDER_WAY = 10_000;
/** Bytes of exports that wait, while the node does not take them. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** How long a node that closes still tries. */
const LAST_TRIES_MS = 10_000;

/**
 * Hands the exporters' requests to the node. What was taken is not given up: overload and a failing disk are waited
 * out, only a request that no retry can help fails.
 */
export class DurableQueue {
  readonly #sink: IngestSink;
  readonly #clock: Clock;
  readonly #signal: Signal;
  readonly #tenant: string;
  readonly #underWay = new Set<Promise<void>>();
  #waitingBytes = 0;
  #closed = false;
  #giveUpAt = Number.POSITIVE_INFINITY;

  constructor(
    { sink, clock }: { sink: IngestSink; clock: Clock },
    { signal, tenant }: { signal: Signal; tenant: string },
  ) {
    this.#sink = sink;
    this.#clock = clock;
    this.#signal = signal;
    this.#tenant = tenant;
  }

  /** Calls back with success when the request's records are on disk. What is refused at once was not taken. */
  export(encode: Encode, callback: ExportCallback): void {
    const error = this.#refusal();
    if (error !== undefined) {
      callback({ code: FAILED, error });
      return;
    }
    const done = this.#deliver(encode)
      .then(
        () => callback({ code: SUCCESS }),
        (error: unknown) => callback({ code: FAILED, error: error as Error }),
      )
      .finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** Resolves when everything that was taken before is on disk. */
  async forceFlush(): Promise<void> {
    await keepingAlive(Promise.all(this.#underWay));
  }

  /** Takes nothing more; what was taken is tried for 10 more seconds. */
  shutdown(): Promise<void> {
    this.#closed = true;
    this.#giveUpAt = Math.min(this.#giveUpAt, this.#clock.monotonic() + LAST_TRIES_MS);
    return this.forceFlush();
  }

  #refusal(): OpenWitError | undefined {
    if (this.#closed) return new OpenWitError('closed', 'CLOSED', 'exporter is shut down');
    if (this.#underWay.size < MAX_UNDER_WAY && this.#waitingBytes < MAX_WAITING_BYTES) return undefined;
    const message = `exports wait for the node, count=${this.#underWay.size} bytes=${this.#waitingBytes}`;
    return new OpenWitError('overloaded', 'OVERLOADED', message, { retryAfterMs: RETRY_AFTER_MS });
  }

  async #deliver(encode: Encode): Promise<void> {
    const { payload, error } = await encode();
    this.#waitingBytes += payload.length;
    try {
      if (payload.length > 0) await this.#ingest(payload);
    } finally {
      this.#waitingBytes -= payload.length;
    }
    if (error !== undefined) throw error;
  }

  async #ingest(payload: Uint8Array): Promise<void> {
    for (;;) {
      try {
        const { rejected, message } = await this.#sink.ingest({ tenant: this.#tenant, signal: this.#signal, payload });
        if (rejected > 0) throw new OpenWitError('invalid', 'MALFORMED_OTLP', message);
        return;
      } catch (error) {
        if (!isOpenWitError(error) || !canWait(error) || this.#clock.monotonic() >= this.#giveUpAt) throw error;
        await sleep(this.#clock, error.retryAfterMs ?? RETRY_AFTER_MS);
      }
    }
  }
}

function canWait({ kind }: OpenWitError): boolean {
  return kind === 'overloaded' || kind === 'unavailable';
}
