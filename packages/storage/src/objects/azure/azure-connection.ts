import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { makeRequest, type ObjectCall, type ObjectOperation, type ObjectRequest } from '@openwit/ports';
import { badRequest, closedStore } from '../object-errors.ts';
import { optionalPackage } from '../optional-package.ts';
import { azureError } from './azure-errors.ts';
import type { AzureStoreSettings } from './azure-settings.ts';

/** What one request is made with. */
export interface AzureSending {
  readonly container: ContainerClient;
  /** For the options of the SDK's call. */
  readonly abort: { abortSignal?: AbortSignal };
  readonly request: ObjectRequest;
}

/** The SDK, loaded and connected at the first request. It sends each request once: retries are ours. */
export class AzureConnection {
  readonly url: string;
  readonly #settings: AzureStoreSettings;
  #opening: Promise<ContainerClient> | undefined;
  #isClosed = false;

  constructor(url: string, settings: AzureStoreSettings) {
    this.url = url;
    this.#settings = settings;
  }

  /** Makes one request of a call; `key` is the one that the store's user knows. */
  async request<T>(
    call: ObjectCall,
    of: { readonly operation: ObjectOperation; readonly key: string; readonly sentBytes?: number },
    send: (sending: AzureSending) => Promise<T>,
  ): Promise<T> {
    if (this.#isClosed) throw closedStore(this.url);
    const failed = { url: this.url, operation: of.operation, key: of.key };
    const container = await (this.#opening ??= this.#open());
    return makeRequest(call, of, async (signal, request) => {
      try {
        return await send({ container, request, abort: signal === undefined ? {} : { abortSignal: signal } });
      } catch (error) {
        throw azureError(failed, error, signal);
      }
    });
  }

  blob({ container }: AzureSending, name: string): BlockBlobClient {
    return container.getBlockBlobClient(name);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  async #open(): Promise<ContainerClient> {
    const load = () => import('@azure/storage-blob');
    const { BlobServiceClient, StorageSharedKeyCredential } = await optionalPackage(
      '@azure/storage-blob',
      'the Azure store',
      load,
    );
    const { container, accountUrl, credentials } = this.#settings;
    const connectionString = this.#settings.connectionString ?? process.env.AZURE_STORAGE_CONNECTION_STRING ?? '';
    const options = { retryOptions: { maxTries: 1 } };
    try {
      if (accountUrl === undefined)
        return BlobServiceClient.fromConnectionString(connectionString, options).getContainerClient(container);
      const given =
        credentials && 'accountKey' in credentials
          ? new StorageSharedKeyCredential(credentials.accountName, credentials.accountKey)
          : credentials;
      return new BlobServiceClient(accountUrl, given, options).getContainerClient(container);
    } catch (error) {
      const option = accountUrl === undefined ? 'connectionString' : 'accountUrl';
      throw badRequest({ url: this.url, operation: 'head', key: '' }, option, error);
    }
  }
}
