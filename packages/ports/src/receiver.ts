import type { Signal } from './signal.ts';

/** Where a request stands in its source (a Kafka partition and offset), so that a restart resumes exactly there. */
export interface SourcePosition {
  /** Names the source: `kafka/spans/3`. */
  readonly source: string;
  /** The next position to read from, once this request is committed. */
  readonly next: number;
}

/** One OTLP `Export…ServiceRequest` as protobuf bytes, with where it belongs. */
export interface IngestRequest {
  readonly tenant: string;
  readonly signal: Signal;
  /** Must not change until the sink has settled; then they are the caller's again. Shared memory saves the sink a copy. */
  readonly payload: Uint8Array;
  readonly source?: SourcePosition;
}

/** What a sink answers when the request is durable: OTLP's `partial_success`. */
export interface IngestResult {
  /** Records taken. */
  readonly accepted: number;
  /** Records that break a rule of the specification and were left out; sending them again cannot help. */
  readonly rejected: number;
  /** Why the first of them was rejected; empty when none was. */
  readonly message: string;
}

/**
 * Takes requests. Guarantees: when `ingest` resolves, every accepted record is durable and visible to queries; when it
 * rejects, no record of the request is.
 * @throws invalid / MALFORMED_OTLP, REQUEST_TOO_LARGE; overloaded / OVERLOADED; unavailable / WAL_UNAVAILABLE; closed / CLOSED
 */
export interface IngestSink {
  ingest(request: IngestRequest): Promise<IngestResult>;
}

/** Something that listens and hands requests to a sink. */
export interface Receiver {
  /** Resolves when requests are taken, with the address they are taken at. */
  start(): Promise<ReceiverAddress>;
  /** Takes no new request, answers those that are under way, then frees the port. Stopping twice does nothing. */
  stop(): Promise<void>;
}

export interface ReceiverAddress {
  readonly host: string;
  readonly port: number;
}
