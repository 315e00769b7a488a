import { isOpenWitError } from '@openwit/ports';
import { answerError } from '../answer-error.ts';
import {
  badRequest,
  type FailedRequest,
  objectArchived,
  objectCorrupt,
  storeForbids,
  storeUnavailable,
} from '../object-errors.ts';

const ARCHIVED = ['InvalidObjectState', 'ObjectNotInActiveTierError'];
const FORBIDDEN = ['NoSuchBucket', 'CredentialsProviderError', 'ExpiredToken', 'InvalidToken', 'TokenRefreshRequired'];
const WRONG_REGION = ['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'];
/** Of status 400, but of the way to the server and not of the request. */
const DAMAGED_ON_THE_WAY = [
  'BadDigest',
  'IncompleteBody',
  'RequestTimeout',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
];

interface S3Failure extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** What the SDK threw, as the port says it. */
export function s3Error(failed: FailedRequest, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (isOpenWitError(error)) return error;
  const { name, message, $metadata, $response } = error as S3Failure;
  if (ARCHIVED.includes(name)) return objectArchived(failed.url, failed.key, error);
  if (FORBIDDEN.includes(name)) return storeForbids(failed, error);
  // Somebody has aborted it: another attempt of the whole begins a new one.
  if (name === 'NoSuchUpload') return storeUnavailable(failed, error);
  if (DAMAGED_ON_THE_WAY.includes(name)) return storeUnavailable(failed, error);
  if (name === 'InvalidStorageClass') return badRequest(failed, 'storageClass', error);
  if (WRONG_REGION.includes(name)) return badRequest(failed, 'region', error);
  // The SDK has no names for these.
  if (/^checksum mismatch/i.test(message)) return objectCorrupt(failed.url, failed.key, 'the checksum differs', error);
  if (/^region is missing/i.test(message)) return badRequest(failed, 'region', error);
  return answerError(failed, $metadata?.httpStatusCode, error, $response?.headers?.['retry-after']);
}

export function isNotFound(error: unknown): boolean {
  return ['NotFound', 'NoSuchKey'].includes((error as Error).name);
}
