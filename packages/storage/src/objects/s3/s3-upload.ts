import { crc32 } from 'node:zlib';
import type { CompletedPart, StorageClass } from '@aws-sdk/client-s3';
import { type ObjectContent, type ObjectInfo, type PutOptions, partsOf } from '@openwit/ports';
import { storeUnavailable } from '../object-errors.ts';
import type { S3Connection, S3Sending } from './s3-connection.ts';

const MAX_PARTS = 10_000;

/** Where an upload goes. */
export interface S3Target {
  readonly connection: S3Connection;
  /** As the store's user knows it. */
  readonly key: string;
  /** `Bucket` and `Key` of every request. */
  readonly place: { readonly Bucket: string; readonly Key: string };
}

/** Puts content that is one part. The server compares the checksum before it keeps anything. */
export async function uploadWhole(target: S3Target, content: ObjectContent, options: PutOptions): Promise<ObjectInfo> {
  const { connection, key, place } = target;
  const bytes = await content.read(0, content.sizeBytes);
  const put = await connection.request(options, sending(key, bytes.length), ({ client, sdk, options: http }) =>
    client.send(
      new sdk.PutObjectCommand({
        ...place,
        Body: bytes,
        ContentLength: bytes.length,
        ChecksumCRC32: base64(crc32(bytes)),
        ...conditionsOf(options),
        ...classOf(options),
      }),
      http,
    ),
  );
  return { key, sizeBytes: bytes.length, isArchived: false, ...(put.ETag && { version: put.ETag }) };
}

/**
 * Puts content in parts, one after the other, so that one is in memory at a time and the checksum of the whole grows with
 * them. An upload that fails is aborted; should that fail too, its parts stay until `removeUnfinished` or the bucket's
 * lifecycle rule for incomplete uploads removes them.
 */
export async function uploadInParts(
  target: S3Target,
  content: ObjectContent,
  options: PutOptions,
  partBytes: number,
): Promise<ObjectInfo> {
  const { connection, key, place } = target;
  const { UploadId } = await connection.request(options, sending(key), ({ client, sdk, options: http }) =>
    client.send(
      new sdk.CreateMultipartUploadCommand({
        ...place,
        ChecksumAlgorithm: 'CRC32',
        ChecksumType: 'FULL_OBJECT',
        ...classOf(options),
      }),
      http,
    ),
  );
  const upload = { ...place, UploadId };
  try {
    const parts: CompletedPart[] = [];
    let checksum = 0;
    const size = Math.max(partBytes, Math.ceil(content.sizeBytes / MAX_PARTS));
    for await (const { bytes } of partsOf(content, size)) {
      checksum = crc32(bytes, checksum);
      parts.push(await uploadPart(target, upload, options, parts.length + 1, bytes));
    }
    return await complete(target, upload, options, { sizeBytes: content.sizeBytes, checksum: base64(checksum), parts });
  } catch (error) {
    const aborting = abort(target, upload, options).catch(() => {});
    if (!options.signal?.aborted) await aborting; // who gives up does not wait for it
    throw error;
  }
}

type Upload = S3Target['place'] & { readonly UploadId: string | undefined };

async function uploadPart(
  { connection, key }: S3Target,
  upload: Upload,
  options: PutOptions,
  number: number,
  bytes: Uint8Array,
): Promise<CompletedPart> {
  const part = { PartNumber: number, ChecksumCRC32: base64(crc32(bytes)) };
  const { ETag } = await connection.request(options, sending(key, bytes.length), ({ client, sdk, options: http }) =>
    client.send(new sdk.UploadPartCommand({ ...upload, ...part, Body: bytes, ContentLength: bytes.length }), http),
  );
  return { ...part, ETag };
}

interface Uploaded {
  readonly sizeBytes: number;
  readonly checksum: string;
  readonly parts: CompletedPart[];
}

/** The whole is compared with its checksum here. */
async function complete(
  { connection, key, place }: S3Target,
  upload: Upload,
  options: PutOptions,
  { sizeBytes, checksum, parts }: Uploaded,
): Promise<ObjectInfo> {
  const send = ({ client, sdk, options: http }: S3Sending) =>
    client.send(
      new sdk.CompleteMultipartUploadCommand({
        ...upload,
        MultipartUpload: { Parts: parts },
        ChecksumCRC32: checksum,
        ChecksumType: 'FULL_OBJECT',
        MpuObjectSize: sizeBytes,
        ...conditionsOf(options),
      }),
      http,
    );
  const done = await connection.request(options, sending(key), (sent) => send(sent).catch(undefinedWhenGone));
  const version = done === undefined ? await versionOfOwn() : done.ETag;
  return { key, sizeBytes, isArchived: false, ...(version && { version }) };

  /** An attempt whose answer was lost has completed the upload, or somebody has aborted it. */
  async function versionOfOwn(): Promise<string | undefined> {
    const found = await connection.request(options, sending(key), ({ client, sdk, options: http }) =>
      client.send(new sdk.HeadObjectCommand({ ...place, ChecksumMode: 'ENABLED' }), http),
    );
    if (found.ContentLength === sizeBytes && found.ChecksumCRC32 === checksum) return found.ETag;
    throw storeUnavailable({ url: connection.url, operation: 'put', key }, new Error('the upload is gone'));
  }
}

/** Also after the caller's signal: the parts cost money. */
async function abort({ connection, key }: S3Target, upload: Upload, { around }: PutOptions): Promise<void> {
  await connection.request(around === undefined ? {} : { around }, sending(key), ({ client, sdk, options: http }) =>
    client.send(new sdk.AbortMultipartUploadCommand(upload), http).catch(undefinedWhenGone),
  );
}

function sending(key: string, sentBytes = 0): { operation: 'put'; key: string; sentBytes: number } {
  return { operation: 'put', key, sentBytes };
}

function conditionsOf({ ifAbsent }: PutOptions): { IfNoneMatch?: string } {
  return ifAbsent ? { IfNoneMatch: '*' } : {};
}

function classOf({ storageClass }: PutOptions): { StorageClass?: StorageClass } {
  return storageClass === undefined ? {} : { StorageClass: storageClass as StorageClass };
}

/** The upload was finished or aborted before. */
export function undefinedWhenGone(error: Error): undefined {
  if (error.name !== 'NoSuchUpload') throw error;
  return undefined;
}

/** A CRC-32 as the protocol writes it: base64 of its four bytes, the highest first. */
function base64(checksum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(checksum);
  return bytes.toString('base64');
}
