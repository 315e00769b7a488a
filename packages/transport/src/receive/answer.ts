import { type IngestResult, isOpenWitError, type Signal } from '@openwit/ports';
import { ProtobufWriter } from '../protobuf-writer.ts';

/** https://grpc.io/docs/guides/status-codes/ */
export const GRPC_STATUS = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
} as const;

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** How a request that failed is answered, in both protocols. */
export interface ErrorAnswer {
  readonly httpStatus: number;
  readonly grpcStatus: number;
  readonly message: string;
  /** When the client may try again; absent when it must not. */
  readonly retryAfterMs?: number;
}

/**
 * The table of OTLP 1.x (https://opentelemetry.io/docs/specs/otlp/#failures). What is not known to be the client's
 * fault is answered as unavailable: at an internal error (500) clients would throw their data away.
 */
export function errorAnswer(error: unknown, defaultRetryAfterMs: number): ErrorAnswer {
  if (!isOpenWitError(error)) return unavailable('internal error', defaultRetryAfterMs);
  const { kind, code, message } = error;
  const retryAfterMs = error.retryAfterMs ?? defaultRetryAfterMs;
  if (code === 'RATE_LIMITED' || code === 'QUOTA_EXCEEDED') {
    return { httpStatus: 429, grpcStatus: GRPC_STATUS.resourceExhausted, message, retryAfterMs };
  }
  if (kind !== 'invalid') return unavailable(message, Math.min(retryAfterMs, 3000));
  if (code === 'REQUEST_TOO_LARGE') return { httpStatus: 413, grpcStatus: GRPC_STATUS.resourceExhausted, message };
  if (code === 'UNSUPPORTED_ENCODING') return { httpStatus: 415, grpcStatus: GRPC_STATUS.unimplemented, message };
  return { httpStatus: 400, grpcStatus: GRPC_STATUS.invalidArgument, message };
}

function unavailable(message: string, retryAfterMs: number): ErrorAnswer {
  return { httpStatus: 503, grpcStatus: GRPC_STATUS.unavailable, message, retryAfterMs };
}

/** `google.rpc.Status`, with a `google.rpc.RetryInfo` when the client may try again. */
export function statusMessage({ grpcStatus, message, retryAfterMs }: ErrorAnswer): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter(message.length + 128);
  writer.varint(1, BigInt(grpcStatus));
  writer.string(2, message);
  if (retryAfterMs !== undefined) writeRetryInfo(writer, retryAfterMs);
  return writer.finish();
}

/** As one of the status's details: an Any, of which the value is a RetryInfo with a Duration. */
function writeRetryInfo(writer: ProtobufWriter, retryAfterMs: number): void {
  const seconds = Math.floor(retryAfterMs / 1000);
  const any = writer.begin(3);
  writer.string(1, RETRY_INFO);
  const retryInfo = writer.begin(2);
  const duration = writer.begin(1);
  writer.varint(1, BigInt(seconds));
  writer.varint(2, BigInt(Math.round((retryAfterMs - seconds * 1000) * 1e6)));
  writer.end(duration);
  writer.end(retryInfo);
  writer.end(any);
}

/** The same in JSON (https://protobuf.dev/programming-guides/json). */
export function statusJson({ grpcStatus, message, retryAfterMs }: ErrorAnswer): string {
  const retryInfo = { '@type': RETRY_INFO, retryDelay: `${(retryAfterMs ?? 0) / 1000}s` };
  return JSON.stringify({ code: grpcStatus, message, ...(retryAfterMs !== undefined && { details: [retryInfo] }) });
}

/** `Export…ServiceResponse`: empty, or with the partial success when records were rejected. */
export function responseMessage({ rejected, message }: IngestResult): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter(message.length + 32);
  if (rejected > 0) {
    const partialSuccess = writer.begin(1);
    writer.varint(1, BigInt(rejected));
    writer.string(2, message);
    writer.end(partialSuccess);
  }
  return writer.finish();
}

const REJECTED_FIELDS: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
  metrics: 'rejectedDataPoints',
};

/** The same in OTLP/JSON. */
export function responseJson(signal: Signal, { rejected, message }: IngestResult): string {
  if (rejected === 0) return '{}';
  return JSON.stringify({ partialSuccess: { [REJECTED_FIELDS[signal]]: String(rejected), errorMessage: message } });
}
