import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { bytesContent, type ObjectStore } from '@openwit/ports';
import { hasCode, keysOf, patternBytes, putObject, testObjectStore } from '@openwit/ports/testing';
import { metered, RequestCounts } from '@openwit/storage';
import { type GcsStoreSettings, gcsStore } from '@openwit/storage/gcs';
import { fakeGcs } from '../services/fake-gcs.ts';
import { testStoreFaults } from '../support/object-store-faults.ts';

const PART_BYTES = 256 * 1024;
const server = await fakeGcs();
const skip = 'missing' in server ? server.missing : false;
const apiEndpoint = 'found' in server ? server.found.url : '';
let buckets = 0;

after(async () => {
  if ('found' in server) await server.found.stop();
});

/** A store in a bucket of its own. */
async function newStore(settings: Partial<GcsStoreSettings> = {}): Promise<ObjectStore & { bucket: string }> {
  const name = `bucket-${++buckets}`;
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ name });
  const response = await fetch(`${apiEndpoint}/storage/v1/b?project=test`, { method: 'POST', headers, body });
  assert.equal(response.status, 200);
  return Object.assign(storeIn(name, settings), { bucket: name });
}

function storeIn(bucket: string, settings: Partial<GcsStoreSettings> = {}): ObjectStore {
  const credentials = 'anonymous';
  return gcsStore({ bucket, apiEndpoint, credentials, partBytes: PART_BYTES, pageSize: 3, ...settings });
}

testObjectStore('gcsStore on fake-gcs-server', newStore, {
  partBytes: PART_BYTES,
  storageClass: 'NEARLINE',
  lacks: ['unknownClass', 'movedClass'],
  skip,
});

testStoreFaults(
  'gcsStore on fake-gcs-server',
  {
    server: () => apiEndpoint,
    open: async (proxy) => storeIn((await newStore()).bucket, { apiEndpoint: proxy }),
  },
  { partBytes: PART_BYTES, lastOfLarge: { method: 'PUT', url: /upload_id=/, from: 2 }, skip },
);

describe('gcsStore on fake-gcs-server, beyond the port', { skip }, () => {
  test('a bucket that is not there is forbidden to put into and to list', async () => {
    const store = storeIn('no-such-bucket');
    await assert.rejects(putObject(store, 'k', 'x'), hasCode('OBJECT_STORE_FORBIDDEN'));
    await assert.rejects(store.put('k', bytesContent(patternBytes(PART_BYTES * 2))), hasCode('OBJECT_STORE_FORBIDDEN'));
    await assert.rejects(keysOf(store, ''), hasCode('OBJECT_STORE_FORBIDDEN'));
    await store.close();
  });

  test('credentials that are none are forbidden', async () => {
    const store = await newStore({ credentials: { getRequestHeaders: () => Promise.reject(new Error('none')) } });
    await assert.rejects(store.get('k'), hasCode('OBJECT_STORE_FORBIDDEN'));
    await store.close();
  });

  test('stores with prefixes share a bucket and don’t see each other', async () => {
    const { bucket } = await newStore();
    const one = storeIn(bucket, { prefix: 'one/deep' });
    const two = storeIn(bucket, { prefix: 'one/deep2' });
    assert.equal(one.url, `gs://${bucket}/one/deep`);
    await putObject(one, 'a/b', 'one');
    await putObject(two, 'a/b', 'two');
    assert.equal(Buffer.from(await one.get('a/b')).toString(), 'one');
    assert.deepEqual(await keysOf(one, ''), ['a/b']);
    await Promise.all([one.close(), two.close()]);
  });

  test('every request is counted: parts and pages', async () => {
    const counts = new RequestCounts();
    const store = metered(await newStore(), counts.add);
    const bytes = patternBytes(PART_BYTES * 2 + 1);
    await store.put('large', bytesContent(bytes));
    // Start, three parts.
    assert.deepEqual(counts.of('put'), { requests: 4, failures: 0, sentBytes: bytes.length, receivedBytes: 0 });
    for (let i = 0; i < 3; i++) await putObject(store, `small/${i}`, 'x');
    assert.equal((await keysOf(store, '')).length, 4);
    assert.equal(counts.of('list').requests, 2);
    await store.close();
  });
});
