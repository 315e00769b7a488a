import { type Clock, type IngestSink, isOpenWitError, OpenWitError, type Signal, sleep } from '@openwit/ports';

/** The SDK's `ExportResult`: code 0 is success, 1 is failure. */
export interface ExportResult {
  readonly code: number;
  readonly error?: Error;
}

export type ExportCallback = (result: ExportResult) => void;

/** The records as OTLP bytes. */
export type Encode = () => Uint8Array | Promise<Uint8Array>;

const SUCCESS = 0;
const FAILED = 1;
const RETRY_AFTER_MS = 200;
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

  /** Calls back with success when the request's records are on disk. */
  export(encode: Encode, callback: ExportCallback): void {
    if (this.#closed) {
      callback({ code: FAILED, error: new OpenWitError('closed', 'CLOSED', 'exporter is shut down') });
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
    await Promise.all(this.#underWay);
  }

  /** Takes nothing more; what was taken is tried for 10 more seconds. */
  shutdown(): Promise<void> {
    this.#closed = true;
    this.#giveUpAt = Math.min(this.#giveUpAt, this.#clock.monotonic() + LAST_TRIES_MS);
    return this.forceFlush();
  }

  async #deliver(encode: Encode): Promise<void> {
    const payload = await encode();
    if (payload.length === 0) return;
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
