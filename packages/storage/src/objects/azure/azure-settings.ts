export interface AzureStoreSettings {
  readonly container: string;
  /** The keys stand below this key, so that several stores share a container. Default none. */
  readonly prefix?: string;
  /** Account and credentials in one. Default: the environment's `AZURE_STORAGE_CONNECTION_STRING`, unless `accountUrl`. */
  readonly connectionString?: string;
  /** `https://account.blob.core.windows.net`, with a shared access signature or beside `credentials`. */
  readonly accountUrl?: string;
  /** The account's key, or a credential of `@azure/identity` such as `new DefaultAzureCredential()`. */
  readonly credentials?: AzureSharedKey | AzureTokenCredential;
  /** Objects of more bytes go up in blocks of this size, one after the other. Default 8 MiB. */
  readonly partBytes?: number;
  /** Objects of one request of `list`; at most 5,000, which is the default. */
  readonly pageSize?: number;
}

export interface AzureSharedKey {
  readonly accountName: string;
  readonly accountKey: string;
}

/** The part of `@azure/core-auth`'s `TokenCredential` that is needed. */
export interface AzureTokenCredential {
  getToken(
    scopes: string | string[],
    options?: object,
  ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
}
