import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { bytesContent, type ObjectStore } from '@openwit/ports';
import { hasCode, keysOf, patternBytes, putObject, testObjectStore } from '@openwit/ports/testing';
import { metered, RequestCounts } from '@openwit/storage';
import { type AzureStoreSettings, azureStore } from '@openwit/storage/azure';
import { AZURITE_ACCOUNT, AZURITE_KEY, azurite } from '../services/azurite.ts';
import { testStoreFaults } from '../support/object-store-faults.ts';

const PART_BYTES = 64 * 1024;
const server = await azurite();
const skip = 'missing' in server ? server.missing : false;
const accountUrl = 'found' in server ? `${server.found.url}/${AZURITE_ACCOUNT}` : '';
const credentials = { accountName: AZURITE_ACCOUNT, accountKey: AZURITE_KEY };
let containers = 0;

after(async () => {
  if ('found' in server) await server.found.stop();
});

/** A store in a container of its own. */
async function newStore(settings: Partial<AzureStoreSettings> = {}): Promise<ObjectStore & { container: string }> {
  const container = `container-${++containers}`;
  const key = new StorageSharedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY);
  await new BlobServiceClient(accountUrl, key).createContainer(container);
  return Object.assign(storeIn(container, settings), { container });
}

function storeIn(container: string, settings: Partial<AzureStoreSettings> = {}): ObjectStore {
  return azureStore({ container, accountUrl, credentials, partBytes: PART_BYTES, pageSize: 3, ...settings });
}

testObjectStore('azureStore on Azurite', newStore, {
  partBytes: PART_BYTES,
  storageClass: 'Cool',
  forbidden: {
    'a container that is not there': async () => storeIn('no-such-container'),
    'a wrong key': async () => {
      const { container } = await newStore();
      const accountKey = Buffer.from('wrong').toString('base64');
      return storeIn(container, { credentials: { accountName: AZURITE_ACCOUNT, accountKey } });
    },
  },
  skip,
});

testStoreFaults(
  'azureStore on Azurite',
  {
    server: () => ('found' in server ? server.found.url : ''),
    open: async (proxy) => storeIn((await newStore()).container, { accountUrl: `${proxy}/${AZURITE_ACCOUNT}` }),
  },
  { partBytes: PART_BYTES, lastOfLarge: { method: 'PUT', url: /comp=blocklist/ }, skip },
);

describe('azureStore on Azurite, beyond the port', { skip }, () => {
  test('an archived object cannot be read until it was restored', async () => {
    const store = await newStore();
    await store.put('k', bytesContent(Buffer.from('x')), { storageClass: 'Archive' });
    assert.equal((await store.head('k'))?.isArchived, true);
    await assert.rejects(store.get('k'), hasCode('OBJECT_ARCHIVED'));
    assert.ok(['pending', 'ready'].includes(await store.restore('k', { days: 1 })));
    await store.close();
  });

  test('two uploads of one key at once don’t mix their blocks', async () => {
    const store = await newStore();
    const contents = [patternBytes(PART_BYTES * 4, 1), patternBytes(PART_BYTES * 4, 2)];
    const results = await Promise.allSettled(contents.map((bytes) => store.put('k', bytesContent(bytes))));
    assert.ok(results.some(({ status }) => status === 'fulfilled'));
    const found = await store.get('k');
    assert.ok(contents.some((bytes) => Buffer.compare(bytes, found) === 0));
    await store.close();
  });

  test('a connection string is account and key in one', async () => {
    const { container } = await newStore();
    const connectionString = `DefaultEndpointsProtocol=http;BlobEndpoint=${accountUrl};AccountName=${AZURITE_ACCOUNT};AccountKey=${AZURITE_KEY}`;
    const store = azureStore({ container, connectionString, prefix: 'one' });
    await putObject(store, 'a/b', 'x');
    assert.deepEqual(await keysOf(store, ''), ['a/b']);
    assert.equal(store.url, `az://${container}/one`);
    assert.deepEqual(await keysOf(storeIn(container), ''), ['one/a/b']);
    await store.close();
    const broken = azureStore({ container, connectionString: 'nonsense' });
    await assert.rejects(broken.head('k'), hasCode('INVALID_CONFIG'));
  });

  test('every request is counted: blocks and pages', async () => {
    const counts = new RequestCounts();
    const store = metered(await newStore(), counts.add);
    const bytes = patternBytes(PART_BYTES * 2 + 1);
    await store.put('large', bytesContent(bytes));
    // Three blocks, and their list.
    assert.deepEqual(counts.of('put'), { requests: 4, failures: 0, sentBytes: bytes.length, receivedBytes: 0 });
    for (let i = 0; i < 3; i++) await putObject(store, `small/${i}`, 'x');
    assert.equal((await keysOf(store, '')).length, 4);
    assert.equal(counts.of('list').requests, 2);
    await store.close();
  });
});
