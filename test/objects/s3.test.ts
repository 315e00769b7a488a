import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { bytesContent, type ObjectStore } from '@openwit/ports';
import { hasCode, keysOf, patternBytes, putObject, testObjectStore } from '@openwit/ports/testing';
import { metered, RequestCounts } from '@openwit/storage';
import { type S3StoreSettings, s3Store } from '@openwit/storage/s3';
import { MINIO_CREDENTIALS, minio } from '../services/minio.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { testStoreFaults } from '../support/object-store-faults.ts';

const PART_BYTES = 5 * 1024 * 1024;
const server = await minio();
const skip = 'missing' in server ? server.missing : false;
const endpoint = 'found' in server ? server.found.url : '';
const client = new S3Client({
  endpoint,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: MINIO_CREDENTIALS,
});
let buckets = 0;

after(async () => {
  client.destroy();
  if ('found' in server) await server.found.stop();
});

/** A store in a bucket of its own. */
async function newStore(settings: Partial<S3StoreSettings> = {}): Promise<ObjectStore & { bucket: string }> {
  const bucket = `bucket-${++buckets}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return Object.assign(storeIn(bucket, settings), { bucket });
}

function storeIn(bucket: string, settings: Partial<S3StoreSettings> = {}): ObjectStore {
  const credentials = MINIO_CREDENTIALS;
  return s3Store({ bucket, endpoint, credentials, partBytes: PART_BYTES, pageSize: 3, ...settings });
}

testObjectStore('s3Store on MinIO', newStore, {
  partBytes: PART_BYTES,
  storageClass: 'REDUCED_REDUNDANCY',
  leavesParts: true,
  forbidden: {
    'a bucket that is not there': async () => storeIn('no-such-bucket'),
    'a wrong secret': async () => {
      const { bucket } = await newStore();
      return storeIn(bucket, { credentials: { ...MINIO_CREDENTIALS, secretAccessKey: 'wrong' } });
    },
    'an unknown key id': async () => {
      const { bucket } = await newStore();
      return storeIn(bucket, { credentials: { accessKeyId: 'nobody', secretAccessKey: 'wrong' } });
    },
  },
  skip,
});

testStoreFaults(
  's3Store on MinIO',
  {
    server: () => endpoint,
    open: async (proxy) => storeIn((await newStore()).bucket, { endpoint: proxy }),
  },
  { partBytes: PART_BYTES, lastOfLarge: { method: 'POST', url: /\?uploadId=/ }, skip },
);

describe('s3Store on MinIO, beyond the port', { skip }, () => {
  test('stores with prefixes share a bucket and don’t see each other', async () => {
    const { bucket } = await newStore();
    const one = storeIn(bucket, { prefix: 'one/deep' });
    const two = storeIn(bucket, { prefix: 'one/deep2' });
    assert.equal(one.url, `s3://${bucket}/one/deep`);
    await putObject(one, 'a/b', 'one');
    await putObject(two, 'a/b', 'two');
    assert.equal(Buffer.from(await one.get('a/b')).toString(), 'one');
    assert.deepEqual(await keysOf(one, ''), ['a/b']);
    await one.remove(['a/b']);
    assert.equal((await two.head('a/b'))?.sizeBytes, 3);
    await Promise.all([one.close(), two.close()]);
  });

  test('an upload that fails leaves no parts', async () => {
    const store = await newStore();
    const bytes = patternBytes(PART_BYTES * 2);
    const content = {
      sizeBytes: bytes.length,
      read: async (offset: number, length: number) => {
        if (offset > 0) throw new Error('the disk broke');
        return bytes.subarray(offset, offset + length);
      },
    };
    await assert.rejects(store.put('k', content), /the disk broke/);
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: store.bucket, Prefix: 'k' }));
    assert.deepEqual(Uploads, []);
    await store.close();
  });

  test('unfinished uploads are looked for over pages, below the prefix, and by their age', async () => {
    // MinIO gives all on one page, and of a prefix none: the proxy gives S3's answers.
    const proxy = await FaultProxy.start(endpoint);
    const { bucket } = await newStore();
    const store = storeIn(bucket, { endpoint: proxy.url, prefix: 'node/one' });
    const ids = [];
    for (const Key of ['node/one/a', 'node/one/b']) {
      ids.push((await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }))).UploadId);
    }
    const upload = (key: string, id: string | undefined, initiated: string): string =>
      `<Upload><Key>node/one/${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated}</Initiated></Upload>`;
    const page = (rest: string): string => `<ListMultipartUploadsResult>${rest}</ListMultipartUploadsResult>`;
    const first = `${upload('a', ids[0], '2026-11-20T00:00:00.000Z')}${upload('c', 'young', '2026-11-22T00:00:00.000Z')}`;
    const markers = '<NextKeyMarker>node/one/c</NextKeyMarker><NextUploadIdMarker>young</NextUploadIdMarker>';
    const list = { method: 'GET', url: /\?max-uploads=3&prefix=node%2Fone%2F&uploads/ };
    const next = { method: 'GET', url: /key-marker=node%2Fone%2Fc&.*upload-id-marker=young/ };
    const second = `${upload('b', ids[1], '2026-11-20T00:00:00.000Z')}${upload('gone', 'gone', '2026-11-20T00:00:00.000Z')}`;
    const paged = proxy.set({ kind: 'answer', status: 200, body: page(second) }, next);
    proxy.set({ kind: 'answer', status: 200, body: page(`<IsTruncated>true</IsTruncated>${markers}${first}`) }, list);
    assert.equal(await store.removeUnfinished(Date.parse('2026-11-21T00:00:00Z')), 3);
    assert.equal(paged(), 1);
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    assert.deepEqual(Uploads, []);
    await store.close();
    await proxy.stop();
  });

  test('an archived object cannot be read, and is restored', async () => {
    // MinIO has no archive: the proxy gives S3's answers.
    const proxy = await FaultProxy.start(endpoint);
    const { bucket } = await newStore();
    const store = storeIn(bucket, { endpoint: proxy.url });
    const archive = { 'x-amz-storage-class': 'GLACIER', 'content-length': '5' };
    const body = '<Error><Code>InvalidObjectState</Code><StorageClass>GLACIER</StorageClass></Error>';
    proxy.set({ kind: 'answer', status: 403, body }, { method: 'GET' });
    proxy.set({ kind: 'answer', status: 403, body }, { method: 'PUT' });
    await assert.rejects(store.get('k'), hasCode('OBJECT_ARCHIVED'));
    await assert.rejects(store.setStorageClass('k', 'STANDARD'), hasCode('OBJECT_ARCHIVED'));
    const heads = [
      archive,
      { ...archive, 'x-amz-restore': 'ongoing-request="true"' },
      { ...archive, 'x-amz-restore': 'ongoing-request="false", expiry-date="Fri, 27 Nov 2026 00:00:00 GMT"' },
    ];
    for (const headers of heads) proxy.set({ kind: 'answer', status: 200, headers }, { method: 'HEAD' });
    const asked = proxy.set({ kind: 'answer', status: 202 }, { method: 'POST', url: /\?restore/ });
    const busy = '<Error><Code>RestoreAlreadyInProgress</Code></Error>';
    proxy.set({ kind: 'answer', status: 409, body: busy }, { method: 'POST', url: /\?restore/ });
    assert.equal(await store.restore('k', { days: 3 }), 'pending');
    assert.equal(await store.restore('k', { days: 3 }), 'pending');
    assert.equal(await store.restore('k', { days: 3 }), 'ready');
    assert.equal(asked(), 1);
    await store.close();
    await proxy.stop();
  });

  test('every request is counted: parts, pages and batches', async () => {
    const counts = new RequestCounts();
    const store = metered(await newStore(), counts.add);
    const bytes = patternBytes(PART_BYTES * 2 + 1);
    await store.put('large', bytesContent(bytes));
    // Create, three parts, complete.
    assert.deepEqual(counts.of('put'), { requests: 5, failures: 0, sentBytes: bytes.length, receivedBytes: 0 });
    for (let i = 0; i < 3; i++) await putObject(store, `small/${i}`, 'x');
    assert.equal((await keysOf(store, '')).length, 4);
    assert.equal(counts.of('list').requests, 2);
    await store.remove(['large', 'small/0', 'small/1', 'small/2']);
    assert.equal(counts.of('remove').requests, 2);
    await store.close();
  });
});
