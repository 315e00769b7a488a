import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  canBeginKey,
  type GetOptions,
  type ObjectCall,
  type ObjectContent,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  type Random,
  type RestoreOptions,
  systemRandom,
} from '@openwit/ports';
import { Slots } from '../../slots.ts';
import { bodyBytes } from '../body-bytes.ts';
import { KeyPrefix } from '../key-prefix.ts';
import { objectCorrupt, objectNotFound } from '../object-errors.ts';
import { AzureConnection } from './azure-connection.ts';
import { infoOfBlob } from './azure-info.ts';
import type { AzureStoreSettings } from './azure-settings.ts';
import { uploadInBlocks, uploadWhole } from './azure-upload.ts';

export type { AzureSharedKey, AzureStoreSettings, AzureTokenCredential } from './azure-settings.ts';

const MAX_PAGE = 5000;
const CONCURRENT_REMOVALS = 16;
/** The longest range of which the service computes a checksum. */
const MAX_VERIFIED_RANGE = 4 * 1024 * 1024;

/** A container of Azure Blob Storage. `@azure/storage-blob` is loaded at the first request. */
export function azureStore(
  settings: AzureStoreSettings,
  { random = systemRandom }: { readonly random?: Random } = {},
): ObjectStore {
  return new AzureStore(settings, random);
}

class AzureStore implements ObjectStore {
  readonly url: string;
  readonly #connection: AzureConnection;
  readonly #prefix: KeyPrefix;
  readonly #random: Random;
  readonly #partBytes: number;
  readonly #pageSize: number;

  constructor(settings: AzureStoreSettings, random: Random) {
    const { container, prefix = '', partBytes = 8 * 1024 * 1024, pageSize = MAX_PAGE } = settings;
    this.#prefix = new KeyPrefix(prefix);
    this.#random = random;
    this.#partBytes = partBytes;
    this.#pageSize = Math.min(pageSize, MAX_PAGE);
    this.url = this.#prefix.url(`az://${container}`);
    this.#connection = new AzureConnection(this.url, settings);
  }

  async put(key: string, content: ObjectContent, options: PutOptions = {}): Promise<ObjectInfo> {
    const target = { connection: this.#connection, key, name: this.#prefix.full(key) };
    if (content.sizeBytes <= this.#partBytes) return uploadWhole(target, content, options);
    return uploadInBlocks(target, content, options, { partBytes: this.#partBytes, random: this.#random });
  }

  async get(key: string, { range, ...call }: GetOptions = {}): Promise<Uint8Array> {
    const name = this.#prefix.full(key);
    if (range?.length === 0) return this.#nothingOf(key, call);
    return this.#connection.request(call, { operation: 'get', key }, async (sent) => {
      const options = {
        ...sent.abort,
        maxRetryRequests: 0,
        ...(range !== undefined && { rangeGetContentMD5: range.length <= MAX_VERIFIED_RANGE }),
      };
      const blob = this.#connection.blob(sent, name);
      const found = await blob.download(range?.offset ?? 0, range?.length, options).catch(undefinedPastEnd);
      if (found === undefined) return new Uint8Array(0);
      const bytes = await bodyBytes(found.readableStreamBody as Readable, found.contentLength ?? 0, sent.request);
      this.#verify(key, bytes, found.contentMD5);
      return bytes;
    });
  }

  async head(key: string, call: ObjectCall = {}): Promise<ObjectInfo | undefined> {
    return this.#head('head', key, call);
  }

  /** A request each: the service bills the parts of its batches as requests too. */
  async remove(keys: readonly string[], call: ObjectCall = {}): Promise<void> {
    const names = keys.map((key) => ({ key, name: this.#prefix.full(key) }));
    const slots = new Slots(CONCURRENT_REMOVALS);
    const remove = ({ key, name }: { key: string; name: string }): Promise<unknown> =>
      this.#connection
        .request(call, { operation: 'remove', key }, (sent) =>
          this.#connection.blob(sent, name).delete({ ...sent.abort, deleteSnapshots: 'include' }),
        )
        .catch(unlessMissing);
    await Promise.all(names.map((one) => slots.run(() => remove(one))));
  }

  async *list(prefix: string, call: ObjectCall = {}): AsyncGenerator<ObjectInfo> {
    if (!canBeginKey(prefix)) return;
    const fullPrefix = this.#prefix.fullPrefix(prefix);
    let continuationToken: string | undefined;
    do {
      const from = { maxPageSize: this.#pageSize, ...(continuationToken && { continuationToken }) };
      const page = await this.#connection.request(
        call,
        { operation: 'list', key: prefix },
        async ({ container, abort }) => {
          const pages = container.listBlobsFlat({ ...abort, prefix: fullPrefix }).byPage(from);
          return (await pages.next()).value;
        },
      );
      for (const { name, properties } of page?.segment.blobItems ?? [])
        yield infoOfBlob(this.#prefix.own(name), properties);
      continuationToken = page?.continuationToken;
    } while (continuationToken);
  }

  async setStorageClass(key: string, storageClass: string, call: ObjectCall = {}): Promise<void> {
    const name = this.#prefix.full(key);
    await this.#connection.request(call, { operation: 'setStorageClass', key }, (sent) =>
      this.#connection.blob(sent, name).setAccessTier(storageClass, sent.abort),
    );
  }

  /** To the hot tier, where it stays: the service knows no days. */
  async restore(key: string, { days: _days, ...call }: RestoreOptions): Promise<'ready' | 'pending'> {
    const name = this.#prefix.full(key);
    const info = await this.#head('restore', key, call);
    if (info === undefined) throw objectNotFound(this.url, key);
    if (!info.isArchived) return 'ready';
    await this.#connection.request(call, { operation: 'restore', key }, (sent) =>
      this.#connection.blob(sent, name).setAccessTier('Hot', sent.abort).catch(unlessUnderWay),
    );
    return 'pending';
  }

  /** The service removes blocks that no list has taken up a week after the last of them came. */
  async removeUnfinished(): Promise<number> {
    return 0;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #head(operation: 'head' | 'get' | 'restore', key: string, call: ObjectCall): Promise<ObjectInfo | undefined> {
    const name = this.#prefix.full(key);
    const head = this.#connection.request(call, { operation, key }, async (sent) =>
      infoOfBlob(key, await this.#connection.blob(sent, name).getProperties(sent.abort)),
    );
    return head.catch(unlessMissing);
  }

  async #nothingOf(key: string, call: ObjectCall): Promise<Uint8Array> {
    if ((await this.#head('get', key, call)) === undefined) throw objectNotFound(this.url, key);
    return new Uint8Array(0);
  }

  #verify(key: string, bytes: Uint8Array, wanted: Uint8Array | undefined): void {
    if (wanted === undefined || createHash('md5').update(bytes).digest().equals(wanted)) return;
    throw objectCorrupt(this.url, key, 'the checksum differs');
  }
}

/** The object ends before the range begins. */
function undefinedPastEnd(error: { statusCode?: number }): undefined {
  if (error.statusCode !== 416) throw error;
  return undefined;
}

function unlessUnderWay(error: { code?: string }): undefined {
  if (error.code !== 'BlobBeingRehydrated') throw error;
  return undefined;
}

function unlessMissing(error: { code?: string }): undefined {
  if (error.code !== 'OBJECT_NOT_FOUND') throw error;
  return undefined;
}
