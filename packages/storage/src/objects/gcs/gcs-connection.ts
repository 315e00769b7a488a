import type { CRC32C } from '@google-cloud/storage';
import { makeRequest, type ObjectCall, type ObjectOperation, type ObjectRequest } from '@openwit/ports';
import { closedStore } from '../object-errors.ts';
import { optionalPackage } from '../optional-package.ts';
import { GcsRefusal, gcsAuthError, gcsError } from './gcs-errors.ts';
import type { GcsCredentials, GcsStoreSettings } from './gcs-settings.ts';

const MAX_ERROR_TEXT = 10_000;

/** One request to the JSON API. */
export interface GcsMessage {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the endpoint, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Statuses besides 2xx that are an answer. */
  readonly accepts?: readonly number[];
}

interface Opened {
  readonly newChecksum: () => CRC32C;
  readonly authorize: (url: URL) => Promise<Iterable<[string, string]>>;
}

/**
 * The JSON API of Cloud Storage by `fetch`, with the SDK's credentials and checksum. The SDK's own calls have no signal and
 * send again by themselves: requests would be neither ended nor counted (docs/decisions/0009).
 */
export class GcsConnection {
  readonly url: string;
  readonly #settings: GcsStoreSettings;
  readonly #endpoint: string;
  #opening: Promise<Opened> | undefined;
  #isClosed = false;

  constructor(url: string, settings: GcsStoreSettings) {
    this.url = url;
    this.#settings = settings;
    this.#endpoint = (settings.apiEndpoint ?? 'https://storage.googleapis.com').replace(/\/+$/, '');
  }

  async newChecksum(): Promise<CRC32C> {
    return (await this.#opened()).newChecksum();
  }

  /** Makes one request of a call; `key` is the one that the store's user knows. */
  async request<T>(
    call: ObjectCall,
    of: { readonly operation: ObjectOperation; readonly key: string; readonly sentBytes?: number },
    message: GcsMessage,
    use: (response: Response, request: ObjectRequest) => Promise<T>,
  ): Promise<T> {
    if (this.#isClosed) throw closedStore(this.url);
    const failed = { url: this.url, operation: of.operation, key: of.key };
    const { authorize } = await this.#opened();
    return makeRequest(call, of, async (signal, request) => {
      const url = new URL(this.#endpoint + message.path);
      for (const [name, value] of Object.entries(message.query ?? {})) url.searchParams.set(name, value);
      const headers = new Headers(message.headers);
      try {
        const auth = await authorize(url).catch((error) => Promise.reject(gcsAuthError(failed, error)));
        for (const [name, value] of auth) headers.set(name, value);
        const { method = 'GET', body = null } = message;
        // A redirect is an answer of the upload protocol; nothing else may send credentials elsewhere.
        const response = await fetch(url, { method, headers, body, signal: signal ?? null, redirect: 'manual' });
        if (!response.ok && !message.accepts?.includes(response.status)) throw await refusal(response);
        return await use(response, request);
      } catch (error) {
        throw gcsError(failed, error, signal);
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #opened(): Promise<Opened> {
    return (this.#opening ??= this.#open());
  }

  async #open(): Promise<Opened> {
    const load = () => import('@google-cloud/storage');
    const { CRC32C, Storage } = await optionalPackage('@google-cloud/storage', 'the GCS store', load);
    const newChecksum = (): CRC32C => new CRC32C();
    const { credentials } = this.#settings;
    if (credentials === 'anonymous') return { newChecksum, authorize: async () => [] };
    const auth: GcsCredentials = credentials ?? new Storage().authClient;
    return { newChecksum, authorize: (url) => auth.getRequestHeaders(url) };
  }
}

async function refusal(response: Response): Promise<GcsRefusal> {
  const text = await response.text();
  return new GcsRefusal(response.status, response.headers.get('retry-after'), text.slice(0, MAX_ERROR_TEXT));
}
