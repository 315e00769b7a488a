import type { S3Client } from '@aws-sdk/client-s3';
import { makeRequest, type ObjectCall, type ObjectOperation, type ObjectRequest } from '@openwit/ports';
import { closedStore } from '../object-errors.ts';
import { optionalPackage } from '../optional-package.ts';
import { s3Error } from './s3-errors.ts';
import type { S3StoreSettings } from './s3-settings.ts';

type Sdk = typeof import('@aws-sdk/client-s3');

/** What one request is made with. */
export interface S3Sending {
  readonly client: S3Client;
  readonly sdk: Sdk;
  /** The second argument of `client.send`. */
  readonly options: { abortSignal?: AbortSignal };
  readonly request: ObjectRequest;
}

/** The SDK, loaded and connected at the first request. It sends each request once: retries are ours. */
export class S3Connection {
  readonly url: string;
  readonly #settings: S3StoreSettings;
  #opening: Promise<{ readonly client: S3Client; readonly sdk: Sdk }> | undefined;
  #isClosed = false;

  constructor(url: string, settings: S3StoreSettings) {
    this.url = url;
    this.#settings = settings;
  }

  /** Makes one request of a call; `key` is the one that the store's user knows. */
  async request<T>(
    call: ObjectCall,
    { operation, key, sentBytes = 0 }: { operation: ObjectOperation; key: string; sentBytes?: number },
    send: (sending: S3Sending) => Promise<T>,
  ): Promise<T> {
    if (this.#isClosed) throw closedStore(this.url);
    const { client, sdk } = await (this.#opening ??= this.#open());
    return makeRequest(call, { operation, key, sentBytes }, async (signal, request) => {
      try {
        return await send({ client, sdk, request, options: signal === undefined ? {} : { abortSignal: signal } });
      } catch (error) {
        throw s3Error({ url: this.url, operation, key }, error, signal);
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    (await this.#opening?.catch(() => undefined))?.client.destroy();
  }

  async #open(): Promise<{ readonly client: S3Client; readonly sdk: Sdk }> {
    const sdk = await optionalPackage('@aws-sdk/client-s3', 'the S3 store', () => import('@aws-sdk/client-s3'));
    const { endpoint, credentials, region = endpoint && 'us-east-1' } = this.#settings;
    const client = new sdk.S3Client({
      maxAttempts: 1,
      forcePathStyle: this.#settings.pathStyle ?? endpoint !== undefined,
      ...(region !== undefined && { region }),
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials !== undefined && { credentials }),
    });
    return { client, sdk };
  }
}
