import type { Readable } from 'node:stream';
import type { ListMultipartUploadsCommandOutput, MultipartUpload, StorageClass } from '@aws-sdk/client-s3';
import {
  canBeginKey,
  type GetOptions,
  type ObjectCall,
  type ObjectContent,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  type RestoreOptions,
} from '@openwit/ports';
import { bodyBytes } from '../body-bytes.ts';
import { KeyPrefix } from '../key-prefix.ts';
import { objectNotFound } from '../object-errors.ts';
import { S3Connection } from './s3-connection.ts';
import { isNotFound, s3Error } from './s3-errors.ts';
import { infoOfHead, infoOfListed } from './s3-info.ts';
import type { S3StoreSettings } from './s3-settings.ts';
import { undefinedWhenGone, uploadInParts, uploadWhole } from './s3-upload.ts';

export type { S3Credentials, S3StoreSettings } from './s3-settings.ts';

const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_BATCH = 1000;

/** A bucket of S3, or of a server that speaks its protocol. `@aws-sdk/client-s3` is loaded at the first request. */
export function s3Store(settings: S3StoreSettings): ObjectStore {
  return new S3Store(settings);
}

class S3Store implements ObjectStore {
  readonly url: string;
  readonly #connection: S3Connection;
  readonly #bucket: string;
  readonly #prefix: KeyPrefix;
  readonly #partBytes: number;
  readonly #pageSize: number;

  constructor(settings: S3StoreSettings) {
    const { bucket, prefix = '', partBytes = 8 * 1024 * 1024, pageSize = MAX_BATCH } = settings;
    this.#bucket = bucket;
    this.#prefix = new KeyPrefix(prefix);
    this.#partBytes = Math.max(partBytes, MIN_PART_BYTES);
    this.#pageSize = Math.min(pageSize, MAX_BATCH);
    this.url = this.#prefix.url(`s3://${bucket}`);
    this.#connection = new S3Connection(this.url, settings);
  }

  async put(key: string, content: ObjectContent, options: PutOptions = {}): Promise<ObjectInfo> {
    const target = { connection: this.#connection, key, place: this.#place(key) };
    if (content.sizeBytes <= this.#partBytes) return uploadWhole(target, content, options);
    return uploadInParts(target, content, options, this.#partBytes);
  }

  async get(key: string, { range, ...call }: GetOptions = {}): Promise<Uint8Array> {
    const place = this.#place(key);
    if (range?.length === 0) return this.#nothingOf(key, call);
    const Range = range && `bytes=${range.offset}-${range.offset + range.length - 1}`;
    return this.#connection.request(call, { operation: 'get', key }, async ({ client, sdk, options, request }) => {
      // With a range the server has no checksum to give; without one the SDK compares it.
      const command = new sdk.GetObjectCommand({ ...place, ChecksumMode: 'ENABLED', ...(Range && { Range }) });
      const found = await client.send(command, options).catch(undefinedPastEnd);
      if (found === undefined) return new Uint8Array(0);
      return bodyBytes(found.Body as Readable, found.ContentLength ?? 0, request);
    });
  }

  async head(key: string, call: ObjectCall = {}): Promise<ObjectInfo | undefined> {
    return this.#head('head', key, call);
  }

  async remove(keys: readonly string[], call: ObjectCall = {}): Promise<void> {
    const objects = keys.map((key) => ({ Key: this.#prefix.full(key) }));
    for (let at = 0; at < objects.length; at += this.#pageSize) {
      const batch = objects.slice(at, at + this.#pageSize);
      const failed = { url: this.url, operation: 'remove' as const, key: keys[at]! };
      await this.#connection.request(call, failed, async ({ client, sdk, options }) => {
        const Delete = { Objects: batch, Quiet: true };
        const command = new sdk.DeleteObjectsCommand({ Bucket: this.#bucket, Delete });
        const { Errors = [] } = await client.send(command, options);
        const { Code, Message, Key = '' } = Errors[0] ?? {};
        if (Errors.length === 0) return;
        const cause = Object.assign(new Error(Message), { name: Code, ...statusOf(Code) });
        throw s3Error({ ...failed, key: this.#prefix.own(Key) }, cause, undefined);
      });
    }
  }

  async *list(prefix: string, call: ObjectCall = {}): AsyncGenerator<ObjectInfo> {
    if (!canBeginKey(prefix)) return;
    const place = { Bucket: this.#bucket, Prefix: this.#prefix.fullPrefix(prefix), MaxKeys: this.#pageSize };
    let ContinuationToken: string | undefined;
    do {
      const from = ContinuationToken && { ContinuationToken };
      const page = await this.#connection.request(
        call,
        { operation: 'list', key: prefix },
        ({ client, sdk, options }) =>
          client.send(
            new sdk.ListObjectsV2Command({ ...place, ...from, OptionalObjectAttributes: ['RestoreStatus'] }),
            options,
          ),
      );
      for (const listed of page.Contents ?? []) yield infoOfListed(this.#prefix.own(listed.Key ?? ''), listed);
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }

  /** A copy onto itself, which S3 does up to 5 GiB. */
  async setStorageClass(key: string, storageClass: string, call: ObjectCall = {}): Promise<void> {
    const place = this.#place(key);
    const CopySource = `${this.#bucket}/${place.Key.split('/').map(encodeURIComponent).join('/')}`;
    const StorageClass = storageClass as StorageClass;
    await this.#connection.request(call, { operation: 'setStorageClass', key }, ({ client, sdk, options }) =>
      client.send(
        new sdk.CopyObjectCommand({ ...place, CopySource, StorageClass, MetadataDirective: 'COPY' }),
        options,
      ),
    );
  }

  async restore(key: string, { days, ...call }: RestoreOptions): Promise<'ready' | 'pending'> {
    const info = await this.#head('restore', key, call);
    if (info === undefined) throw objectNotFound(this.url, key);
    if (!info.isArchived) return 'ready';
    const RestoreRequest = { Days: days, GlacierJobParameters: { Tier: 'Standard' as const } };
    await this.#connection.request(call, { operation: 'restore', key }, ({ client, sdk, options }) =>
      client.send(new sdk.RestoreObjectCommand({ ...this.#place(key), RestoreRequest }), options).catch(unlessUnderWay),
    );
    return 'pending';
  }

  /**
   * Aborts multipart uploads, whose parts are billed until then. MinIO tells only of those of a store without a prefix, and
   * aborts all of them itself after a day.
   */
  async removeUnfinished(beforeMs: number, call: ObjectCall = {}): Promise<number> {
    let removed = 0;
    for await (const { Key = '', UploadId, Initiated } of this.#unfinished(call)) {
      if (Initiated === undefined || Initiated.getTime() >= beforeMs) continue;
      const upload = { Bucket: this.#bucket, Key, UploadId };
      const request = { operation: 'removeUnfinished' as const, key: this.#prefix.own(Key) };
      await this.#connection.request(call, request, ({ client, sdk, options }) =>
        client.send(new sdk.AbortMultipartUploadCommand(upload), options).catch(undefinedWhenGone),
      );
      removed++;
    }
    return removed;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #head(operation: 'head' | 'get' | 'restore', key: string, call: ObjectCall): Promise<ObjectInfo | undefined> {
    const place = this.#place(key);
    return this.#connection.request(call, { operation, key }, async ({ client, sdk, options }) => {
      try {
        return infoOfHead(key, await client.send(new sdk.HeadObjectCommand(place), options));
      } catch (error) {
        if (!isNotFound(error)) throw error;
        return undefined;
      }
    });
  }

  async *#unfinished(call: ObjectCall): AsyncGenerator<MultipartUpload> {
    const place = { Bucket: this.#bucket, Prefix: this.#prefix.fullPrefix(''), MaxUploads: this.#pageSize };
    let page: ListMultipartUploadsCommandOutput | undefined;
    do {
      const from = { KeyMarker: page?.NextKeyMarker, UploadIdMarker: page?.NextUploadIdMarker };
      page = await this.#connection.request(
        call,
        { operation: 'removeUnfinished', key: '' },
        ({ client, sdk, options }) => client.send(new sdk.ListMultipartUploadsCommand({ ...place, ...from }), options),
      );
      yield* page.Uploads ?? [];
    } while (page.IsTruncated);
  }

  async #nothingOf(key: string, call: ObjectCall): Promise<Uint8Array> {
    if ((await this.#head('get', key, call)) === undefined) throw objectNotFound(this.url, key);
    return new Uint8Array(0);
  }

  #place(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix.full(key) };
  }
}

/** The object ends before the range begins. */
function undefinedPastEnd(error: Error): undefined {
  if (error.name !== 'InvalidRange') throw error;
  return undefined;
}

function unlessUnderWay(error: Error): undefined {
  if (error.name !== 'RestoreAlreadyInProgress') throw error;
  return undefined;
}

/** In the answer to a batch, the errors of single objects have no status. */
function statusOf(code: string | undefined): { $metadata?: { httpStatusCode: number } } {
  return code === 'AccessDenied' ? { $metadata: { httpStatusCode: 403 } } : {};
}
