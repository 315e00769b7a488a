export interface GcsStoreSettings {
  readonly bucket: string;
  /** The keys stand below this key, so that several stores share a bucket. Default none. */
  readonly prefix?: string;
  /** The URL of the service, for an emulator or a private endpoint. Default `https://storage.googleapis.com`. */
  readonly apiEndpoint?: string;
  /**
   * A client of `google-auth-library`, such as `new JWT({ email, key, scopes })`, or `anonymous` for none. Default: what the SDK
   * finds (`GOOGLE_APPLICATION_CREDENTIALS`, the account of the machine).
   */
  readonly credentials?: GcsCredentials | 'anonymous';
  /** Objects of more bytes go up in parts of this size, one after the other: whole multiples of 256 KiB. Default 8 MiB. */
  readonly partBytes?: number;
  /** Objects of one request of `list`; at most 1,000, which is the default. */
  readonly pageSize?: number;
}

/** What gives a request its `authorization`. */
export interface GcsCredentials {
  getRequestHeaders(url: URL): Promise<Iterable<[string, string]>>;
}
