export interface S3StoreSettings {
  readonly bucket: string;
  /** The keys stand below this key, so that several stores share a bucket. Default none. */
  readonly prefix?: string;
  /** Default: the SDK's (`AWS_REGION`, the profile); `us-east-1` where there is an `endpoint`. */
  readonly region?: string;
  /** The URL of a server that speaks S3; default AWS. */
  readonly endpoint?: string;
  /** The bucket in the path of the URL instead of its host name. Default: true where there is an `endpoint`. */
  readonly pathStyle?: boolean;
  /** Default: what the SDK finds (environment, profile, role of the machine). */
  readonly credentials?: S3Credentials;
  /** Objects of more bytes go up in parts of this size, one after the other. Default 8 MiB; S3 wants at least 5 MiB. */
  readonly partBytes?: number;
  /** Objects of one request of `list`, and of `remove`; at most 1,000, which is the default. */
  readonly pageSize?: number;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}
