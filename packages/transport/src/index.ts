export { OtlpGrpcReceiver } from './grpc/otlp-grpc-receiver.ts';
export { OtlpHttpReceiver } from './http/otlp-http-receiver.ts';
export { otlpJsonToProtobuf } from './json/otlp-json.ts';
export { MAX_ATTRIBUTE_KEYS } from './otlp/attribute-keys.ts';
export {
  type AppendLimits,
  type AppendResult,
  type BatchMark,
  createOtlpBatch,
  MAX_BATCH_BYTES,
  type OtlpBatch,
  type OtlpBatchOptions,
} from './otlp/batch.ts';
export type { BatchFullReason } from './otlp/batch-memory.ts';
export { type DiscardLimits, endResponse } from './receive/early-answer.ts';
export { listen, stopListening } from './receive/listen.ts';
export type { ReceiverCollaborators, ReceiverOptions } from './receive/receiver-options.ts';
export { requestPath } from './receive/request-path.ts';
export { UnderWay } from './receive/under-way.ts';
