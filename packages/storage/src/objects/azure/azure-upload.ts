import { createHash } from 'node:crypto';
import { type ObjectContent, type ObjectInfo, type PutOptions, partsOf, type Random, randomHex } from '@openwit/ports';
import type { AzureConnection } from './azure-connection.ts';
import { versionOf } from './azure-info.ts';

const MAX_BLOCKS = 50_000;

/** Where an upload goes. */
export interface AzureTarget {
  readonly connection: AzureConnection;
  /** As the store's user knows it. */
  readonly key: string;
  /** In the container. */
  readonly name: string;
}

/** Puts content in one request. The server compares the checksum before it keeps anything. */
export async function uploadWhole(
  target: AzureTarget,
  content: ObjectContent,
  options: PutOptions,
): Promise<ObjectInfo> {
  const { connection, key, name } = target;
  const bytes = await content.read(0, content.sizeBytes);
  const md5 = createHash('md5').update(bytes).digest();
  const put = await connection.request(options, sending(key, bytes.length), (sent) =>
    connection.blob(sent, name).upload(bytes, bytes.length, {
      ...sent.abort,
      ...settingsOf(options, md5),
      transactionalContentMD5: md5,
    }),
  );
  return { key, sizeBytes: bytes.length, isArchived: false, ...versionOf(put.etag) };
}

/**
 * Puts content in blocks, one after the other, so that one is in memory at a time, and makes the blob of them in one step.
 * Blocks of an upload that fails belong to nothing, and the service removes them after a week.
 */
export async function uploadInBlocks(
  target: AzureTarget,
  content: ObjectContent,
  options: PutOptions,
  { partBytes, random }: { readonly partBytes: number; readonly random: Random },
): Promise<ObjectInfo> {
  const { connection, key, name } = target;
  // Blocks belong to the blob's name: two uploads at once must not give theirs the same ids.
  const upload = randomHex(random, 8);
  const ids: string[] = [];
  const whole = createHash('md5');
  const size = Math.max(partBytes, Math.ceil(content.sizeBytes / MAX_BLOCKS));
  for await (const { bytes } of partsOf(content, size)) {
    const id = Buffer.from(`${upload}-${String(ids.length).padStart(5, '0')}`).toString('base64');
    whole.update(bytes);
    const md5 = createHash('md5').update(bytes).digest();
    await connection.request(options, sending(key, bytes.length), (sent) =>
      connection.blob(sent, name).stageBlock(id, bytes, bytes.length, { ...sent.abort, transactionalContentMD5: md5 }),
    );
    ids.push(id);
  }
  const settings = settingsOf(options, whole.digest());
  const done = await connection.request(options, sending(key), (sent) =>
    connection.blob(sent, name).commitBlockList(ids, { ...sent.abort, ...settings }),
  );
  return { key, sizeBytes: content.sizeBytes, isArchived: false, ...versionOf(done.etag) };
}

/** The checksum is kept with the blob, so that reading all of it can be verified. */
function settingsOf({ ifAbsent, storageClass }: PutOptions, md5: Uint8Array) {
  return {
    blobHTTPHeaders: { blobContentMD5: md5, blobContentType: 'application/octet-stream' },
    ...(ifAbsent && { conditions: { ifNoneMatch: '*' } }),
    ...(storageClass !== undefined && { tier: storageClass }),
  };
}

function sending(key: string, sentBytes = 0): { operation: 'put'; key: string; sentBytes: number } {
  return { operation: 'put', key, sentBytes };
}
