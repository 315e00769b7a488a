import { type ObjectContent, type ObjectInfo, type PutOptions, partsOf } from '@openwit/ports';
import { objectCorrupt, storeUnavailable } from '../object-errors.ts';
import type { GcsConnection } from './gcs-connection.ts';
import { GCS_FIELDS, type GcsObject, infoOfObject } from './gcs-info.ts';

/** Where an upload goes. */
export interface GcsTarget {
  readonly connection: GcsConnection;
  /** As the store's user knows it. */
  readonly key: string;
  /** In the bucket. */
  readonly name: string;
  /** `/upload/storage/v1/b/bucket/o`. */
  readonly uploadPath: string;
  /** `/storage/v1/b/bucket/o/name`. */
  readonly objectPath: string;
}

const BOUNDARY = 'openwit-part-of-an-upload';

/** Puts content in one request, metadata and bytes; the server compares the checksum before it keeps anything. */
export async function uploadWhole(target: GcsTarget, content: ObjectContent, options: PutOptions): Promise<ObjectInfo> {
  const { connection, key, name, uploadPath } = target;
  const bytes = await content.read(0, content.sizeBytes);
  const crc32c = await checksumOf(connection, bytes);
  const metadata = JSON.stringify({ name, crc32c, ...classOf(options) });
  const head = `--${BOUNDARY}\r\ncontent-type: application/json\r\n\r\n${metadata}\r\n--${BOUNDARY}\r\ncontent-type: application/octet-stream\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${BOUNDARY}--`)]);
  const message = {
    method: 'POST' as const,
    path: uploadPath,
    query: { uploadType: 'multipart', fields: GCS_FIELDS, ...conditionsOf(options) },
    headers: { 'content-type': `multipart/related; boundary=${BOUNDARY}` },
    body,
  };
  const object = await connection.request(options, sending(key, bytes.length), message, jsonOf<GcsObject>);
  return verified(target, object, bytes.length, crc32c, options);
}

/**
 * Puts content in parts by the resumable protocol, one after the other, so that one is in memory at a time. An upload that
 * fails is cancelled; what is left of one for which that fails too goes after a week.
 */
export async function uploadInParts(
  target: GcsTarget,
  content: ObjectContent,
  options: PutOptions,
  partBytes: number,
): Promise<ObjectInfo> {
  const { connection, key, name, uploadPath } = target;
  const { sizeBytes } = content;
  const start = {
    method: 'POST' as const,
    path: uploadPath,
    query: { uploadType: 'resumable', name, fields: GCS_FIELDS, ...conditionsOf(options) },
    headers: { 'content-type': 'application/json', 'x-upload-content-length': String(sizeBytes) },
    body: JSON.stringify({ name, ...classOf(options) }),
  };
  const location = await connection.request(options, sending(key), start, async (response) => {
    await response.arrayBuffer();
    return response.headers.get('location');
  });
  const { pathname, search } = new URL(location ?? '', 'https://none');
  const session = pathname + search;
  try {
    const checksum = await connection.newChecksum();
    for await (const { offset, bytes, isLast } of partsOf(content, partBytes)) {
      checksum.update(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      const crc32c = isLast ? checksum.toString() : undefined;
      const object = await uploadPart(target, session, options, { offset, bytes, sizeBytes, crc32c });
      if (object !== undefined) return await verified(target, object, sizeBytes, checksum.toString(), options);
    }
    throw gone(target);
  } catch (error) {
    const cancelling = cancel(target, session, options).catch(() => {});
    if (!options.signal?.aborted) await cancelling; // who gives up does not wait for it
    throw error;
  }
}

interface Part {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;
  /** Of the whole, with the last part. */
  readonly crc32c: string | undefined;
}

/**
 * Sends one part, and what the server did not take of it again. Sent twice, the server passes over what it has.
 * @returns the object when the part was its last
 */
async function uploadPart(
  target: GcsTarget,
  session: string,
  options: PutOptions,
  { offset, bytes, sizeBytes, crc32c }: Part,
): Promise<GcsObject | undefined> {
  const end = offset + bytes.length;
  for (let at = offset; at < end; ) {
    const body = bytes.subarray(at - offset);
    const message = {
      method: 'PUT' as const,
      path: session,
      headers: {
        'content-range': `bytes ${at}-${end - 1}/${sizeBytes}`,
        ...(crc32c && { 'x-goog-hash': `crc32c=${crc32c}` }),
      },
      body,
      accepts: [308, 404, 410],
    };
    const answer = await target.connection.request(
      options,
      sending(target.key, body.length),
      message,
      async (response) => {
        if (response.ok) return jsonOf<GcsObject>(response);
        await response.arrayBuffer();
        return response.status === 308 ? Number(response.headers.get('range')?.split('-')[1] ?? -1) + 1 : 'gone';
      },
    );
    if (answer === 'gone') return ownObject(target, options, sizeBytes, crc32c);
    if (typeof answer !== 'number') return answer;
    // An upload must go forward; the server cannot have more than it was sent.
    if (answer <= at || answer > end) throw gone(target);
    at = answer;
  }
  return undefined;
}

/** An attempt whose answer was lost has completed the upload, or somebody has cancelled it. */
async function ownObject(
  target: GcsTarget,
  options: PutOptions,
  sizeBytes: number,
  crc32c: string | undefined,
): Promise<GcsObject> {
  const message = { path: target.objectPath, query: { fields: GCS_FIELDS }, accepts: [404] };
  const found = await target.connection.request(options, sending(target.key), message, async (response) =>
    response.ok ? jsonOf<GcsObject>(response) : undefined,
  );
  if (crc32c !== undefined && found?.crc32c === crc32c && Number(found.size) === sizeBytes) return found;
  throw gone(target);
}

/** The server has compared too, where it knows the header; what it keeps is the last word. */
async function verified(
  { connection, key, objectPath }: GcsTarget,
  object: GcsObject,
  sizeBytes: number,
  crc32c: string,
  { around }: PutOptions,
): Promise<ObjectInfo> {
  if (object.crc32c === crc32c && Number(object.size) === sizeBytes) return infoOfObject(key, object);
  const query = { ifGenerationMatch: object.generation ?? '' };
  await connection.request(
    around ? { around } : {},
    sending(key),
    { method: 'DELETE', path: objectPath, query },
    drained,
  );
  throw objectCorrupt(connection.url, key, 'the object was damaged on its way up and is removed');
}

/** Also after the caller's signal. The answer to a cancelled session is 499. */
async function cancel({ connection, key }: GcsTarget, session: string, { around }: PutOptions): Promise<void> {
  const message = { method: 'DELETE' as const, path: session, accepts: [404, 410, 499] };
  await connection.request(around ? { around } : {}, sending(key), message, drained);
}

async function checksumOf(connection: GcsConnection, bytes: Uint8Array): Promise<string> {
  const checksum = await connection.newChecksum();
  checksum.update(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  return checksum.toString();
}

export async function jsonOf<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

export async function drained(response: Response): Promise<void> {
  await response.arrayBuffer();
}

function gone({ connection, key }: GcsTarget): Error {
  return storeUnavailable({ url: connection.url, operation: 'put', key }, new Error('the upload is gone'));
}

function sending(key: string, sentBytes = 0): { operation: 'put'; key: string; sentBytes: number } {
  return { operation: 'put', key, sentBytes };
}

function conditionsOf({ ifAbsent }: PutOptions): { ifGenerationMatch?: string } {
  return ifAbsent ? { ifGenerationMatch: '0' } : {};
}

function classOf({ storageClass }: PutOptions): { storageClass?: string } {
  return storageClass === undefined ? {} : { storageClass };
}
