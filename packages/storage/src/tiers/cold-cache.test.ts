import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { DataFile } from '@openwit/ports';
import { hasCode, putObject, SeededRandom } from '@openwit/ports/testing';
import { ColdFixture } from '../testing/cold-fixture.ts';
import { ColdCache } from './cold-cache.ts';
import { FilePlaces } from './file-places.ts';

let fixture: ColdFixture;
let one: DataFile;
let two: DataFile;
let three: DataFile;
beforeEach(async () => {
  fixture = await ColdFixture.open();
  [one, two, three] = fixture.files as [DataFile, DataFile, DataFile];
});
afterEach(() => fixture.close());

const { read } = ColdFixture.prototype;

describe('what is fetched', () => {
  test('is the footer and the columns, once', async () => {
    const cache = await fixture.cache();
    const reads = cache.reads();
    await fixture.localise(reads, [read(one, 'body')]);
    const first = cache.stats();
    assert.ok(first.fetchedBytes < one.sizeBytes / 2, `${first.fetchedBytes} of ${one.sizeBytes}`);
    assert.equal(first.heldBytes, first.fetchedBytes);
    await fixture.localise(reads, [read(one, 'body')]);
    await fixture.localise(cache.reads(), [read(one, 'body')]);
    assert.deepEqual(cache.stats(), { ...first, hits: 2 });
    await fixture.localise(reads, [read(one, 'body', 'severity_number', 'attributes')]);
    assert.ok(cache.stats().fetchedBytes > first.fetchedBytes);
    await fixture.localise(cache.reads(), [{ file: one, columns: 'all' }]);
    assert.ok(cache.stats().heldBytes <= one.sizeBytes);
    assert.equal(cache.stats().fetchedBytes, cache.stats().heldBytes, 'no byte twice');
    for (const operation of ['list', 'head', 'put'] as const) assert.equal(fixture.counts.of(operation).requests, 0);
    assert.equal(fixture.counts.of('get').requests, cache.stats().requests);
  });

  test('of a file without columns is its footer alone', async () => {
    const cache = await fixture.cache();
    await fixture.localise(cache.reads(), [read(one), read(two)]);
    const { fetchedBytes, misses } = cache.stats();
    assert.equal(fetchedBytes, [one, two].flatMap((file) => fixture.spans(file, [])).reduce(sizeOf, 0));
    assert.equal(misses, 2);
  });

  test('comes in one request when it lies close together, and in several when it is large', async () => {
    const near = await fixture.cache({ gapBytes: 1024 * 1024 });
    await fixture.localise(near.reads(), [read(one, 'timestamp', 'attributes')]);
    assert.equal(near.stats().requests, 3, 'the end, the footer, the columns');
    const small = await fixture.cache({ maxRangeBytes: 500, maxConcurrentRequests: 3 });
    fixture.mostInFlight = 0;
    await fixture.localise(small.reads(), [{ file: one, columns: 'all' }]);
    assert.ok(small.stats().requests >= one.sizeBytes / 500);
    assert.equal(fixture.mostInFlight, 3);
  });

  test('of a small file is all of it, in one request', async () => {
    const cache = await fixture.cache({ tailBytes: 16 * 1024 * 1024 });
    await fixture.localise(cache.reads(), [{ file: one, columns: 'all' }]);
    assert.equal(cache.stats().requests, 1);
    assert.equal(cache.stats().fetchedBytes, one.sizeBytes);
  });

  test('tells where a file has what: its footer is read once, while it is kept in memory', async () => {
    const footers = async (maxFooters: number) => {
      const cache = await fixture.cache({ maxFooters });
      const reads = fixture.fileSystem.hold(Promise.resolve(), { operation: 'read', times: Infinity });
      const query = () => fixture.localise(cache.reads(), [read(one, 'body'), read(two, 'body')]);
      await Promise.all([query(), query()]);
      await query();
      reads.clear();
      // Its length and the footer.
      return reads.seen / 2;
    };
    assert.ok((await footers(2)) <= 3, 'two queries may look for a length at the same time');
    assert.ok((await footers(1)) > 3);
  });

  test('for a file that is named twice is what both want', async () => {
    const cache = await fixture.cache();
    await fixture.localise(cache.reads(), [read(one, 'body'), read(one, 'severity_text'), read(one)]);
    assert.equal(cache.stats().misses, 1);
  });
});

describe('queries at the same time', () => {
  test('share the requests for what they both want', async () => {
    const cache = await fixture.cache();
    await fixture.localise(cache.reads(), [read(one, 'body')]);
    const alone = cache.stats().requests;
    const both = await fixture.cache();
    await Promise.all([1, 2, 3].map(() => fixture.localise(both.reads(), [read(one, 'body')])));
    assert.equal(both.stats().requests, alone);
    assert.equal(both.stats().heldBytes, both.stats().fetchedBytes);
  });

  test('do not end with another that is cancelled', async () => {
    const cache = await fixture.cache();
    fixture.objects.faults.slow(50, { times: 100 });
    const controller = new AbortController();
    const reads = cache.reads();
    const cancelled = fixture.localise(reads, [read(one, 'body'), read(two, 'body')], controller.signal);
    const other = fixture.localise(cache.reads(), [read(one, 'body')]);
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await assert.rejects(cancelled, /enough/);
    reads.release();
    await other;
    assert.equal(fixture.aborted, 1, 'what nobody waits for is aborted');
    assert.equal(cache.stats().fetchedBytes, cache.stats().heldBytes, 'and nothing is fetched twice');
    await fixture.localise(cache.reads(), [read(two, 'body')]);
  });

  test('end with their snapshot', async () => {
    const cache = await fixture.cache();
    const reads = cache.reads();
    const pending = fixture.localise(reads, [read(one, 'body')]);
    reads.release();
    await assert.rejects(pending, hasCode('CLOSED'));
    reads.release();
    await assert.rejects(fixture.localise(reads, [read(one, 'body')]), hasCode('CLOSED'));
    await fixture.localise(cache.reads(), [read(one, 'body')]);
  });

  test('fail together when the request fails, and the next one succeeds', async () => {
    const cache = await fixture.cache();
    fixture.objects.faults.fail('before', { operation: 'get', from: 2 });
    const results = await Promise.allSettled(
      [1, 2].map(() => fixture.localise(cache.reads(), [read(one, 'body'), read(two)])),
    );
    for (const result of results) {
      assert.ok(result.status === 'rejected' && hasCode('OBJECT_STORE_UNAVAILABLE')(result.reason));
    }
    await fixture.localise(cache.reads(), [read(one, 'body'), read(two)]);
  });
});

describe('the room', () => {
  test('is kept to: the files that were used longest ago go', async () => {
    const maxBytes = 2.5 * one.sizeBytes;
    const cache = await fixture.cache({ maxBytes });
    const use = async (...files: DataFile[]) => {
      const reads = cache.reads();
      for (const file of files) await fixture.localise(reads, [{ file, columns: 'all' }]);
      reads.release();
    };
    await use(one, two);
    await use(one, three);
    const { heldBytes, evictedBytes, files } = cache.stats();
    assert.ok(heldBytes <= maxBytes && files === 2 && evictedBytes > 0);
    await use(one, three);
    assert.equal(cache.stats().evictedBytes, evictedBytes, 'they are still there');
    assert.equal(fixture.localFiles().length, 2);
    await use(two);
    await use(three);
    assert.equal(cache.stats().files, 2);
  });

  test('is not taken from a query that has it', async () => {
    const cache = await fixture.cache({ maxBytes: 2.5 * one.sizeBytes });
    const reads = cache.reads();
    const paths = await reads.localise([
      { file: one, columns: 'all' },
      { file: two, columns: 'all' },
    ]);
    const late = cache.reads();
    await assert.rejects(fixture.localise(late, [{ file: three, columns: 'all' }]), (error: Error) => {
      assert.ok((error as { retryAfterMs?: number }).retryAfterMs! > 0);
      return hasCode('OVERLOADED')(error);
    });
    late.release();
    fixture.check(paths.get(one.fileId)!, { file: one, columns: 'all' });
    reads.release();
    await fixture.localise(cache.reads(), [{ file: three, columns: 'all' }]);
  });

  test('is too small for a query that needs more than all of it', async () => {
    const cache = await fixture.cache({ maxBytes: one.sizeBytes });
    const all = fixture.files.map((file) => ({ file, columns: 'all' as const }));
    await assert.rejects(fixture.localise(cache.reads(), all), hasCode('QUERY_LIMIT'));
    const footers = fixture.files.flatMap((file) => fixture.spans(file, [])).reduce(sizeOf, 0);
    assert.equal(cache.stats().fetchedBytes, footers, 'nothing was fetched in vain');
  });

  test('that a query has full of other columns is emptied for its own', async () => {
    const cache = await fixture.cache({ maxBytes: 1.02 * (one.sizeBytes + two.sizeBytes + three.sizeBytes) });
    const columns = ['trace_id', 'span_id', 'body', 'attributes', 'resource_attributes', 'scope_attributes'];
    const some = (names: string[]) => fixture.files.map((file) => read(file, ...names));
    const before = cache.reads();
    await fixture.localise(before, some(columns));
    before.release();
    const { heldBytes } = cache.stats();
    const tight = await fixture.cache({ maxBytes: heldBytes + 10 });
    for (const names of [columns, ['attribute_types', 'observed_timestamp', 'event_name'], columns]) {
      const reads = tight.reads();
      await fixture.localise(reads, some(names));
      reads.release();
      assert.ok(tight.stats().heldBytes <= heldBytes + 10);
    }
  });
});

describe('an object', () => {
  test('that is gone', async () => {
    const cache = await fixture.cache();
    await fixture.objects.remove([fixture.key(one)]);
    await assert.rejects(fixture.localise(cache.reads(), [read(one, 'body')]), hasCode('OBJECT_NOT_FOUND'));
  });

  test('that is shorter or longer than the catalog says', async () => {
    const cache = await fixture.cache();
    for (const bytes of [
      fixture.bytesOf(one).subarray(0, -1),
      Buffer.concat([fixture.bytesOf(one), Buffer.from('PAR1')]),
      Buffer.alloc(0),
    ]) {
      await putObject(fixture.objects, fixture.key(one), bytes);
      await assert.rejects(fixture.localise(cache.reads(), [read(one, 'body')]), hasCode('OBJECT_CORRUPTION'));
    }
  });

  test('that is damaged, and then is not', async () => {
    const cache = await fixture.cache();
    const whole = fixture.bytesOf(one);
    const random = new SeededRandom(3);
    const [footer] = fixture.spans(one, []);
    for (let i = 0; i < 40; i++) {
      const bytes = Buffer.from(whole);
      if (i === 0) bytes.fill(0);
      else if (i === 1) bytes.writeUInt32LE(0xfffffff, bytes.length - 8);
      else
        for (let at = footer!.start + random.below(200); at < whole.length - 8; at += 50) bytes[at] = random.below(256);
      await putObject(fixture.objects, fixture.key(one), bytes);
      const reads = cache.reads();
      await reads.localise([read(one, 'body')]).catch(hasCode('OBJECT_CORRUPTION'));
      reads.release();
      if (i > 1) continue;
      await putObject(fixture.objects, fixture.key(one), whole);
      await fixture.localise(cache.reads(), [read(one, 'body')]);
      assert.equal(cache.stats().files, 1);
    }
  });

  test('that is archived', async () => {
    for (const file of fixture.files) await fixture.objects.setStorageClass(fixture.key(file), 'ARCHIVE');
    const cache = await fixture.cache();
    await assert.rejects(fixture.localise(cache.reads(), [read(one)]), hasCode('OBJECT_ARCHIVED'));
    assert.equal(fixture.counts.of('restore').requests, 0);
    const restoring = await fixture.cache({ restoreArchived: true });
    const all = fixture.files.map((file) => read(file, 'body'));
    await assert.rejects(fixture.localise(restoring.reads(), all), (error: Error) => {
      assert.match(error.message, /is being restored/);
      assert.ok((error as { retryAfterMs?: number }).retryAfterMs! > 0);
      return hasCode('OBJECT_ARCHIVED')(error);
    });
    assert.equal(fixture.counts.of('restore').requests, 3, 'each of them is asked for');
    await new Promise((resolve) => setTimeout(resolve, 250));
    await fixture.localise(restoring.reads(), all);
  });

  test('in a store that the cache does not know', async () => {
    const cache = await fixture.cache();
    const file = { ...one, path: `${fixture.store.url}-not/k.parquet` };
    await assert.rejects(fixture.localise(cache.reads(), [read(file)]), hasCode('STORE_UNAVAILABLE'));
  });
});

describe('the disk', () => {
  test('that is full gets room from files that nobody reads', async () => {
    const cache = await fixture.cache();
    const reads = cache.reads();
    await fixture.localise(reads, [{ file: one, columns: 'all' }]);
    reads.release();
    fixture.fileSystem.fail('ENOSPC', { operation: 'write' });
    await fixture.localise(cache.reads(), [read(two, 'body')]);
    assert.equal(cache.stats().files, 1);
  });

  test('that is full fails the query, and those after it succeed once it is not', async () => {
    const cache = await fixture.cache();
    for (const operation of ['open', 'truncate', 'write', 'read'] as const) {
      const fault = fixture.fileSystem.fail('ENOSPC', { operation, times: 1000 });
      const reads = cache.reads();
      await assert.rejects(fixture.localise(reads, [read(one, 'body')]), hasCode('STORE_UNAVAILABLE'), operation);
      reads.release();
      fault.clear();
    }
    await fixture.localise(cache.reads(), [read(one, 'body')]);
  });

  test('keeps nothing of an earlier cache, and what is not its own', async () => {
    const cache = await fixture.cache();
    await fixture.localise(cache.reads(), [read(one, 'body')]);
    assert.equal(fixture.localFiles().length, 1);
    writeFileSync(join(fixture.folder, 'mine.txt'), '');
    const next = await fixture.cache();
    assert.deepEqual(fixture.localFiles(), ['mine.txt']);
    await fixture.localise(next.reads(), [read(one, 'body')]);
    await next.close();
    assert.deepEqual(fixture.localFiles(), ['mine.txt']);
    await assert.rejects(fixture.localise(next.reads(), [read(one)]), hasCode('CLOSED'));
  });

  test('gives a removed file back later when it cannot now', async () => {
    const cache = await fixture.cache({ maxBytes: 1.5 * one.sizeBytes });
    const use = async (file: DataFile) => {
      const reads = cache.reads();
      await fixture.localise(reads, [{ file, columns: 'all' }]);
      reads.release();
    };
    await use(one);
    fixture.fileSystem.fail('EIO', { operation: 'remove', path: /00000001/ });
    await use(two);
    await use(three);
    await cache.close();
    assert.deepEqual(fixture.localFiles(), []);
  });

  test('is not removed while its copy is on the disk, evicted or not', async () => {
    const { fileSystem, store } = fixture;
    const cache = await fixture.cache({ maxBytes: 1.5 * one.sizeBytes });
    const places = new FilePlaces({ fileSystem, stores: { cold: store }, copies: cache }, '/data');
    // Before a copy is made its path is cleared.
    const damages = [/00000001/, /00000002/].map((path) =>
      fileSystem.fail('EIO', { operation: 'remove', path, from: 2, times: Infinity }),
    );
    for (const file of [one, two]) {
      const reads = cache.reads();
      await fixture.localise(reads, [{ file, columns: 'all' }]);
      reads.release();
    }
    const first = await places.remove([one.path, two.path, three.path]);
    assert.deepEqual([...first.removed], [three.path]);
    assert.deepEqual([...first.failed.keys()].sort(), [one.path, two.path].sort());
    for (const damage of damages) damage.clear();
    const second = await places.remove([one.path, two.path]);
    assert.deepEqual([second.removed.size, second.failed.size], [2, 0]);
    assert.deepEqual(fixture.localFiles(), []);
  });
});

test('closing ends what is under way', async () => {
  const cache = await fixture.cache();
  fixture.objects.faults.slow(60_000, { times: 100 });
  const pending = assert.rejects(fixture.localise(cache.reads(), [read(one, 'body')]), hasCode('CLOSED'));
  await new Promise((resolve) => setTimeout(resolve, 10));
  await cache.close();
  await pending;
  assert.ok(cache instanceof ColdCache && existsSync(fixture.folder));
});

describe('many queries with faults and cancels see what is in the objects, and the room is kept to', () => {
  for (const seed of [1, 2, 3, 4]) {
    test(`seed ${seed}`, async () => {
      const random = new SeededRandom(seed);
      const maxBytes = 1.6 * one.sizeBytes;
      const cache = await fixture.cache({ maxBytes, maxRangeBytes: 3000, maxConcurrentRequests: 4, maxFooters: 2 });
      const columns = ['timestamp', 'body', 'attributes', 'service_name', 'resource_attributes', 'span_id'];
      const outcomes = new Map<string, number>();
      async function query(): Promise<void> {
        const reads = cache.reads();
        const controller = new AbortController();
        if (random.below(3) === 0) setTimeout(() => controller.abort(new Error('cancelled')), random.below(30));
        if (random.below(10) === 0) fixture.objects.faults.fail('before', { from: random.below(5) + 1 });
        if (random.below(10) === 0) fixture.fileSystem.fail('ENOSPC', { operation: 'write' });
        const wanted = fixture.files
          .filter(() => random.below(2) === 0)
          .map((file) => read(file, ...columns.filter(() => random.below(3) === 0)));
        try {
          const paths = await reads.localise(wanted, controller.signal);
          await new Promise((resolve) => setTimeout(resolve, random.below(15)));
          for (const part of wanted) fixture.check(paths.get(part.file.fileId)!, part);
          outcomes.set('answered', (outcomes.get('answered') ?? 0) + 1);
        } catch (error) {
          const { code = '', message } = error as Error & { code?: string };
          if (
            !['OVERLOADED', 'QUERY_LIMIT', 'OBJECT_STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'].includes(code) &&
            message !== 'cancelled'
          )
            throw error;
          outcomes.set(code || message, (outcomes.get(code || message) ?? 0) + 1);
        } finally {
          reads.release();
        }
        assert.ok(cache.stats().heldBytes <= maxBytes);
      }
      const actors = Array.from({ length: 5 }, async () => {
        for (let i = 0; i < 30; i++) await query();
      });
      await Promise.all(actors);
      assert.ok(outcomes.get('answered')! > 30, JSON.stringify([...outcomes]));
      assert.equal(fixture.inFlight, 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.ok(fixture.localFiles().length <= cache.stats().files, 'no file is left over');
    });
  }
});

function sizeOf(sum: number, { start, end }: { start: number; end: number }): number {
  return sum + end - start;
}
