import { isOpenWitError } from '@openwit/ports';
import { answerError } from '../answer-error.ts';
import {
  badRequest,
  type FailedRequest,
  objectArchived,
  objectExists,
  storeForbids,
  storeUnavailable,
} from '../object-errors.ts';

const ARCHIVED = ['BlobArchived', 'BlobBeingRehydrated'];
const FORBIDDEN = ['ContainerNotFound', 'ContainerDisabled', 'AccountIsDisabled'];
/** Of the way to the server, or of another upload of the same key that was committed first. */
const PASSING = ['Md5Mismatch', 'IncompleteBody', 'InvalidBlockList'];
const NO_CREDENTIALS = ['CredentialUnavailableError', 'AuthenticationError', 'AggregateAuthenticationError'];

interface AzureFailure extends Error {
  readonly statusCode?: number;
  readonly code?: string;
  readonly response?: { readonly headers?: { get(name: string): string | undefined } };
}

/** What the SDK threw, as the port says it. */
export function azureError(failed: FailedRequest, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (isOpenWitError(error)) return error;
  const { name, message, statusCode, code = '', response } = error as AzureFailure;
  if (ARCHIVED.includes(code)) return objectArchived(failed.url, failed.key, error);
  if (code === 'BlobAlreadyExists') return objectExists(failed.url, failed.key, error);
  if (FORBIDDEN.includes(code) || NO_CREDENTIALS.includes(name)) return storeForbids(failed, error);
  // The SDK knows the tiers and has no name for its error.
  if (/is not a valid value for (options\.)?tier/.test(message)) return badRequest(failed, 'storageClass', error);
  if (PASSING.includes(code)) return storeUnavailable(failed, error);
  return answerError(failed, statusCode, error, response?.headers?.get('retry-after'));
}
