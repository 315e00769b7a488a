import {
  canBeginKey,
  type GetOptions,
  type ObjectCall,
  type ObjectContent,
  type ObjectInfo,
  type ObjectRequest,
  type ObjectStore,
  type OpenWitError,
  type PutOptions,
  type RestoreOptions,
} from '@openwit/ports';
import { Slots } from '../../slots.ts';
import { bodyBytes } from '../body-bytes.ts';
import { KeyPrefix } from '../key-prefix.ts';
import { objectCorrupt, objectNotFound, storeUnavailable } from '../object-errors.ts';
import { GcsConnection } from './gcs-connection.ts';
import { GCS_FIELDS, type GcsObject, infoOfObject } from './gcs-info.ts';
import type { GcsStoreSettings } from './gcs-settings.ts';
import { drained, type GcsTarget, jsonOf, uploadInParts, uploadWhole } from './gcs-upload.ts';

export type { GcsCredentials, GcsStoreSettings } from './gcs-settings.ts';

/** The protocol takes parts in multiples of this. */
const PART_UNIT = 256 * 1024;
const MAX_PAGE = 1000;
const CONCURRENT_REMOVALS = 16;
/** Damage on the way up shows only with the last part: then all of it goes up again. */
const MAX_UPLOADS = 3;
/** A copy of one class to another moves at least a mebibyte a request. */
const MAX_REWRITES = 100_000;

/** A bucket of Google Cloud Storage. `@google-cloud/storage` is loaded at the first request. */
export function gcsStore(settings: GcsStoreSettings): ObjectStore {
  return new GcsStore(settings);
}

class GcsStore implements ObjectStore {
  readonly url: string;
  readonly #connection: GcsConnection;
  readonly #bucketPath: string;
  readonly #prefix: KeyPrefix;
  readonly #partBytes: number;
  readonly #pageSize: number;

  constructor(settings: GcsStoreSettings) {
    const { bucket, prefix = '', partBytes = 8 * 1024 * 1024, pageSize = MAX_PAGE } = settings;
    this.#bucketPath = `/storage/v1/b/${encodeURIComponent(bucket)}`;
    this.#prefix = new KeyPrefix(prefix);
    this.#partBytes = Math.max(1, Math.floor(partBytes / PART_UNIT)) * PART_UNIT;
    this.#pageSize = Math.min(pageSize, MAX_PAGE);
    this.url = this.#prefix.url(`gs://${bucket}`);
    this.#connection = new GcsConnection(this.url, settings);
  }

  async put(key: string, content: ObjectContent, options: PutOptions = {}): Promise<ObjectInfo> {
    const target: GcsTarget = {
      connection: this.#connection,
      key,
      name: this.#prefix.full(key),
      uploadPath: `/upload${this.#bucketPath}/o`,
      objectPath: this.#path(key),
    };
    for (let attempt = 1; ; attempt++) {
      try {
        if (content.sizeBytes <= this.#partBytes) return await uploadWhole(target, content, options);
        return await uploadInParts(target, content, options, this.#partBytes);
      } catch (error) {
        if (attempt === MAX_UPLOADS || (error as OpenWitError).code !== 'OBJECT_CORRUPTION') throw error;
      }
    }
  }

  async get(key: string, { range, ...call }: GetOptions = {}): Promise<Uint8Array> {
    const path = this.#path(key);
    if (range?.length === 0) return this.#nothingOf(key, call);
    const headers = range && { range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
    const message = { path, query: { alt: 'media' }, accepts: [416], ...(headers && { headers }) };
    return this.#connection.request(call, { operation: 'get', key }, message, async (response, request) => {
      if (response.status === 416) {
        await drained(response);
        return new Uint8Array(0);
      }
      const bytes = await bytesOf(response, request);
      // With a range the checksum is that of the whole all the same.
      if (response.status === 200) await this.#verify(key, bytes, response.headers.get('x-goog-hash'));
      return bytes;
    });
  }

  async head(key: string, call: ObjectCall = {}): Promise<ObjectInfo | undefined> {
    return this.#head('head', key, call);
  }

  /** A request each: the API has no batch that is one request of its bill. */
  async remove(keys: readonly string[], call: ObjectCall = {}): Promise<void> {
    const paths = keys.map((key) => ({ key, path: this.#path(key) }));
    const slots = new Slots(CONCURRENT_REMOVALS);
    const remove = ({ key, path }: { key: string; path: string }): Promise<void> =>
      this.#connection
        .request(call, { operation: 'remove', key }, { method: 'DELETE', path }, drained)
        .catch(unlessMissing);
    await Promise.all(paths.map((one) => slots.run(() => remove(one))));
  }

  async *list(prefix: string, call: ObjectCall = {}): AsyncGenerator<ObjectInfo> {
    if (!canBeginKey(prefix)) return;
    const query = {
      prefix: this.#prefix.fullPrefix(prefix),
      maxResults: String(this.#pageSize),
      fields: `items(${GCS_FIELDS}),nextPageToken`,
    };
    let pageToken: string | undefined;
    do {
      const message = { path: `${this.#bucketPath}/o`, query: { ...query, ...(pageToken && { pageToken }) } };
      const page: GcsPage = await this.#connection.request(
        call,
        { operation: 'list', key: prefix },
        message,
        jsonOf<GcsPage>,
      );
      for (const item of page.items ?? []) yield infoOfObject(this.#prefix.own(item.name), item);
      pageToken = page.nextPageToken;
    } while (pageToken);
  }

  /** A rewrite onto itself, which takes several requests when the object is large. */
  async setStorageClass(key: string, storageClass: string, call: ObjectCall = {}): Promise<void> {
    const path = this.#path(key);
    let rewriteToken: string | undefined;
    for (let i = 0; i < MAX_REWRITES; i++) {
      const message = {
        method: 'POST' as const,
        path: `${path}/rewriteTo${path.slice('/storage/v1'.length)}`,
        query: rewriteToken === undefined ? {} : { rewriteToken },
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ storageClass }),
      };
      const answer = await this.#connection.request(
        call,
        { operation: 'setStorageClass', key },
        message,
        jsonOf<{ done: boolean; rewriteToken?: string }>,
      );
      if (answer.done) return;
      rewriteToken = answer.rewriteToken;
    }
    throw storeUnavailable({ url: this.url, operation: 'setStorageClass', key }, new Error('the rewrite does not end'));
  }

  async restore(key: string, { days: _days, ...call }: RestoreOptions): Promise<'ready'> {
    if ((await this.#head('restore', key, call)) === undefined) throw objectNotFound(this.url, key);
    return 'ready';
  }

  /** The service forgets a resumable upload after a week, and bills nothing for it until then. */
  async removeUnfinished(): Promise<number> {
    return 0;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #head(operation: 'head' | 'get' | 'restore', key: string, call: ObjectCall): Promise<ObjectInfo | undefined> {
    const message = { path: this.#path(key), query: { fields: GCS_FIELDS } };
    const read = async (response: Response): Promise<ObjectInfo> =>
      infoOfObject(key, await jsonOf<GcsObject>(response));
    return this.#connection.request(call, { operation, key }, message, read).catch(unlessMissing);
  }

  async #nothingOf(key: string, call: ObjectCall): Promise<Uint8Array> {
    if ((await this.#head('get', key, call)) === undefined) throw objectNotFound(this.url, key);
    return new Uint8Array(0);
  }

  async #verify(key: string, bytes: Uint8Array, hash: string | null): Promise<void> {
    const wanted = /crc32c=([^,]+)/.exec(hash ?? '')?.[1];
    if (wanted === undefined) return;
    const checksum = await this.#connection.newChecksum();
    checksum.update(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    if (checksum.toString() !== wanted) throw objectCorrupt(this.url, key, 'the checksum differs');
  }

  #path(key: string): string {
    return `${this.#bucketPath}/o/${encodeURIComponent(this.#prefix.full(key))}`;
  }
}

interface GcsPage {
  readonly items?: readonly GcsObject[];
  readonly nextPageToken?: string;
}

async function bytesOf(response: Response, request: ObjectRequest): Promise<Uint8Array> {
  return bodyBytes(response.body ?? NOTHING, Number(response.headers.get('content-length') ?? 0), request);
}

const NOTHING = { async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {} };

function unlessMissing(error: { code?: string }): undefined {
  if (error.code !== 'OBJECT_NOT_FOUND') throw error;
  return undefined;
}
