import { type IngestResult, OpenWitError, SharedBuffers, type Signal } from '@openwit/ports';
import { JsonThread } from '../json/json-thread.ts';
import { otlpJsonToProtobuf } from '../json/otlp-json.ts';
import { Admission, AdmissionShare } from './admission.ts';
import { requestTooLarge } from './body.ts';
import { type ContentEncoding, decompress } from './decompress.ts';
import type { ReceiverSettings } from './receiver-options.ts';
import { UnderWay } from './under-way.ts';

/** A request whose body has arrived. */
export interface ReceivedRequest {
  readonly tenant: string;
  readonly signal: Signal;
  readonly encoding: ContentEncoding;
  readonly isJson: boolean;
  /** From the intake's buffers, where it goes back to. */
  readonly body: Uint8Array<SharedArrayBuffer>;
}

/** Up to here converting JSON takes about a millisecond, less than a thread is worth. */
const SMALL_JSON_BYTES = 64 * 1024;

/** What the receivers do alike: limits, decompression, JSON, the sink, and knowing what is under way. */
export class Intake {
  readonly admission: Admission;
  readonly buffers: SharedBuffers = new SharedBuffers();
  readonly #settings: ReceiverSettings;
  readonly #underWay = new UnderWay();
  readonly #jsonThread = new JsonThread();
  #isStopping = false;

  constructor(settings: ReceiverSettings) {
    this.#settings = settings;
    this.admission = new Admission(settings.clock, settings);
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** A request is under way from here until its response has closed, however it ends. */
  track(response: { once(event: 'close', listener: () => void): unknown }): void {
    this.#underWay.track(response);
  }

  /** Handles a request under the limits. @throws closed / CLOSED; overloaded / OVERLOADED; what `handle` throws */
  async run<T>(handle: (share: AdmissionShare) => Promise<T>): Promise<T> {
    if (this.#isStopping) throw new OpenWitError('closed', 'CLOSED', 'receiver is shutting down');
    const share = new AdmissionShare(this.admission);
    try {
      return await handle(share);
    } finally {
      share.release();
    }
  }

  /** @throws what the sink throws, and MALFORMED_OTLP, REQUEST_TOO_LARGE, OVERLOADED */
  async ingest(request: ReceivedRequest, share: AdmissionShare): Promise<IngestResult> {
    const { tenant, signal, isJson, body } = request;
    try {
      await share.enter();
      const bytes = await this.#unpack(request, share);
      const payload = isJson ? await this.#fromJson(signal, bytes, share) : bytes;
      return await this.#settings.sink.ingest({ tenant, signal, payload });
    } finally {
      this.buffers.giveBack(body);
    }
  }

  async #unpack({ encoding, body }: ReceivedRequest, share: AdmissionShare): Promise<Uint8Array> {
    const { maxRequestBytes } = this.#settings;
    if (body.length > maxRequestBytes) throw requestTooLarge(maxRequestBytes);
    if (encoding === 'identity') return body;
    // A few bytes may unpack to very many: the most that it may become is reserved before.
    await share.take(maxRequestBytes);
    const bytes = await decompress(encoding, body, maxRequestBytes);
    share.shrinkTo(bytes.length);
    return bytes;
  }

  async #fromJson(signal: Signal, text: Uint8Array, share: AdmissionShare): Promise<Uint8Array> {
    const { maxRequestBytes } = this.#settings;
    // Protobuf is hardly ever larger than its JSON.
    await share.take(text.length);
    if (text.length <= SMALL_JSON_BYTES) return otlpJsonToProtobuf(signal, text, maxRequestBytes);
    return this.buffers.lend(text, (shared) => this.#jsonThread.convert(signal, shared, maxRequestBytes));
  }

  /** Takes no new request; resolves when those under way have been answered, or have had their time for it. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#underWay.drained(this.#settings.clock, this.#settings.stopTimeoutMs);
    await this.#jsonThread.close();
  }
}
