import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { bytesContent, isOpenWitError, type ObjectStore, systemClock, systemRandom } from '@openwit/ports';
import { hasCode, keysOf, patternBytes, putObject } from '@openwit/ports/testing';
import { metered, RequestCounts, retrying } from '@openwit/storage';
import { FaultProxy, type ProxyMatch } from './fault-proxy.ts';

const SETTINGS = { attempts: 4, firstDelayMs: 5, longestDelayMs: 20, timeoutMs: 1500 };
const ALWAYS = { times: Infinity };

export interface FaultTraits {
  readonly partBytes: number;
  /** The request that makes a large object of its parts. */
  readonly lastOfLarge: ProxyMatch;
  readonly skip: string | false;
}

/** What a network and a busy service do, over real HTTP: the store behind `retrying` comes through, or says what it was. */
export function testStoreFaults(
  name: string,
  { server, open }: { readonly server: () => string; readonly open: (endpoint: string) => Promise<ObjectStore> },
  { partBytes, lastOfLarge, skip }: FaultTraits,
): void {
  describe(`${name} over a bad network`, { skip }, () => {
    let proxy: FaultProxy;
    let plain: ObjectStore;
    let store: ObjectStore;
    let counts: RequestCounts;
    const small = Buffer.from('0123456789'.repeat(1000));

    before(async () => {
      proxy = await FaultProxy.start(server());
    });
    beforeEach(async () => {
      proxy.clear();
      plain = await open(proxy.url);
      counts = new RequestCounts();
      store = retrying(metered(plain, counts.add), { clock: systemClock, random: systemRandom }, SETTINGS);
    });
    after(() => proxy?.stop());

    for (const status of [500, 503, 429]) {
      test(`every call gets through when it is answered ${status} twice`, async () => {
        const calls: Record<string, () => Promise<unknown>> = {
          put: () => putObject(store, 'k', small),
          get: async () => assert.equal(Buffer.compare(await store.get('k'), small), 0),
          head: async () => assert.equal((await store.head('k'))?.sizeBytes, small.length),
          list: async () => assert.deepEqual(await keysOf(store, ''), ['k']),
          restore: async () => assert.equal(await store.restore('k', { days: 1 }), 'ready'),
          remove: () => store.remove(['k']),
        };
        for (const [what, call] of Object.entries(calls)) {
          const struck = proxy.set({ kind: 'answer', status }, { times: 2 });
          await call();
          assert.equal(struck(), 2, what);
        }
        assert.equal(await plain.head('k'), undefined);
      });
    }

    test('the service’s own wait is in the error', async () => {
      proxy.set({ kind: 'answer', status: 503, headers: { 'retry-after': '7' } });
      await assert.rejects(plain.get('k'), (error) => {
        assert.ok(isOpenWitError(error) && error.code === 'OBJECT_STORE_UNAVAILABLE');
        assert.equal(error.retryAfterMs, 7000);
        return true;
      });
    });

    test('a download that is cut is made again, and is an error when it is cut each time', async () => {
      await putObject(store, 'k', small);
      proxy.set({ kind: 'cutAnswer' }, { method: 'GET' });
      assert.equal(Buffer.compare(await store.get('k'), small), 0);
      proxy.set({ kind: 'cutAnswer' }, { method: 'GET', ...ALWAYS });
      await assert.rejects(
        store.get('k', { range: { offset: 10, length: 5000 } }),
        hasCode('OBJECT_STORE_UNAVAILABLE'),
      );
    });

    test('a damaged download is made again, and is an error when it is damaged each time', async () => {
      await putObject(store, 'k', small);
      proxy.set({ kind: 'damageAnswer' }, { method: 'GET' });
      assert.equal(Buffer.compare(await store.get('k'), small), 0);
      proxy.set({ kind: 'damageAnswer' }, { method: 'GET', ...ALWAYS });
      await assert.rejects(store.get('k'), hasCode('OBJECT_CORRUPTION'));
    });

    test('a damaged upload is refused and made again', async () => {
      const struck = proxy.set({ kind: 'damageRequest' }, { minBytes: small.length });
      await putObject(store, 'k', small);
      const large = patternBytes(partBytes + 100);
      const struckPart = proxy.set({ kind: 'damageRequest' }, { minBytes: partBytes });
      await store.put('large', bytesContent(large));
      assert.deepEqual([struck(), struckPart()], [1, 1]);
      assert.equal(Buffer.compare(await store.get('k'), small), 0);
      assert.equal(Buffer.compare(await store.get('large'), large), 0);
    });

    test('of a large upload only the part that was cut is sent again', async () => {
      const large = patternBytes(partBytes * 2 + 10);
      const struck = proxy.set({ kind: 'cutRequest' }, { minBytes: partBytes });
      await store.put('k', bytesContent(large));
      assert.equal(struck(), 1);
      assert.equal(counts.of('put').sentBytes, large.length + partBytes);
      assert.equal(Buffer.compare(await store.get('k'), large), 0);
    });

    test('a put whose answer is lost has happened, and succeeds also with ifAbsent', async () => {
      for (const [key, bytes, match] of [
        ['small', small, { minBytes: small.length }],
        ['large', patternBytes(partBytes * 2), lastOfLarge],
      ] as const) {
        const struck = proxy.set({ kind: 'loseAnswer' }, match);
        const info = await store.put(key, bytesContent(bytes), { ifAbsent: true });
        assert.equal(struck(), 1);
        assert.equal(info.sizeBytes, bytes.length);
        assert.equal(Buffer.compare(await store.get(key), bytes), 0);
        proxy.clear();
        const other = bytesContent(patternBytes(bytes.length, 2));
        await assert.rejects(store.put(key, other, { ifAbsent: true }), hasCode('OBJECT_EXISTS'));
      }
      proxy.set({ kind: 'loseAnswer' }, lastOfLarge);
      await store.put('large', bytesContent(patternBytes(partBytes * 2, 3)));
      assert.equal(Buffer.compare(await store.get('large'), patternBytes(partBytes * 2, 3)), 0);
    });

    test('who is not answered tries again, and gives up in time', async () => {
      await putObject(store, 'k', small);
      proxy.set({ kind: 'stall' }, { method: 'GET' });
      assert.equal(Buffer.compare(await store.get('k'), small), 0);
      proxy.set({ kind: 'stall' }, ALWAYS);
      const startMs = systemClock.monotonic();
      await assert.rejects(store.get('k'), hasCode('OBJECT_STORE_UNAVAILABLE'));
      const tookMs = systemClock.monotonic() - startMs;
      assert.ok(tookMs >= 4 * SETTINGS.timeoutMs - 100 && tookMs < 8 * SETTINGS.timeoutMs, String(tookMs));
    });

    test('the caller’s signal ends a call that is not answered', async () => {
      await putObject(store, 'k', small);
      proxy.set({ kind: 'stall' }, ALWAYS);
      const reason = new Error('enough');
      for (const each of [plain, store]) {
        const controller = new AbortController();
        setTimeout(() => controller.abort(reason), 50);
        await assert.rejects(each.get('k', { signal: controller.signal }), reason);
        const second = new AbortController();
        setTimeout(() => second.abort(reason), 50);
        await assert.rejects(each.put('new', bytesContent(small), { signal: second.signal }), reason);
      }
      proxy.clear();
      assert.deepEqual(await keysOf(store, ''), ['k']);
    });

    test('a server that is not there is unavailable', async () => {
      const gone = await FaultProxy.start(server());
      const lost = await open(gone.url);
      await gone.stop();
      await assert.rejects(lost.get('k'), hasCode('OBJECT_STORE_UNAVAILABLE'));
      await assert.rejects(putObject(lost, 'k', 'x'), hasCode('OBJECT_STORE_UNAVAILABLE'));
      await lost.close();
    });

    test('what the service forbids is not tried again', async () => {
      const struck = proxy.set({ kind: 'answer', status: 403 }, ALWAYS);
      await assert.rejects(store.get('k'), hasCode('OBJECT_STORE_FORBIDDEN'));
      await assert.rejects(putObject(store, 'k', 'x'), hasCode('OBJECT_STORE_FORBIDDEN'));
      assert.equal(struck(), 2);
    });
  });
}
