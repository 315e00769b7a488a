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
