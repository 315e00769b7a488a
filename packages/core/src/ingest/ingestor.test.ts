import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type IngestSink,
  isOpenWitError,
  OpenWitError,
  type SealedBatch,
  type Snapshot,
  type TableSource,
} from '@openwit/ports';
import { DrivenClock, FaultyFileSystem, MemoryFileSystem, SeededRandom } from '@openwit/ports/testing';
import { MemoryStore, SegmentedWal } from '@openwit/storage';
import type { RecordBatch } from 'apache-arrow';
import { Ingestor } from './ingestor.ts';
import type { IngestStore } from './open-batches.ts';

const FOLDER = '/data/wal';

/** An ExportLogsServiceRequest of records whose bodies are the given texts. */
function logsRequest(bodies: readonly string[]): Uint8Array<ArrayBuffer> {
  return logsRequestOf(Buffer.concat(bodies.map((text) => field(2, field(5, field(1, Buffer.from(text)))))));
}

/** An ExportLogsServiceRequest of the records that these fields are. */
function logsRequestOf(records: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(field(1, field(2, records)));
}

/** A length-delimited protobuf field. */
function field(number: number, content: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
  }
}

function send(sink: IngestSink, bodies: readonly string[]) {
  return sink.ingest({ tenant: 'default', signal: 'logs', payload: logsRequest(bodies) });
}

/** The bodies that a query would see. */
function seen(source: TableSource): string[] {
  const snapshot = source.snapshot('default', ['logs']);
  const bodies = snapshot.tables
    .get('logs')!
    .batches.flatMap(({ batch }) => batch.getChild('body')!.toArray() as string[]);
  snapshot.release();
  return bodies.map(shortened).toSorted();
}

async function openNode(fileSystem: FaultyFileSystem, options: ConstructorParameters<typeof Ingestor>[1] = {}) {
  const clock = new DrivenClock();
  const wal = await SegmentedWal.open({ fileSystem }, { folder: FOLDER, segmentBytes: 4096, maxBytes: 1 << 20 });
  // Nothing is released: the log keeps all that was acknowledged, as if no file had been committed yet.
  const ingestor = new Ingestor(
    { wal, store: new MemoryStore({}, { maxBytes: Number.MAX_SAFE_INTEGER }), clock },
    options,
  );
  return { clock, wal, ingestor };
}

/** A body without its padding, which only makes failures unreadable. */
function shortened(body: string): string {
  return body.replace(/([xyz])\1+$/, (padding) => `+${padding.length}`);
}

/** What a restart on the same disk would see. */
async function seenAfterRestart(fileSystem: FaultyFileSystem): Promise<string[]> {
  const { ingestor, wal } = await openNode(fileSystem);
  await ingestor.recover();
  const bodies = seen(ingestor);
  await ingestor.close();
  await wal.close();
  return bodies;
}

test('what is acknowledged is in the next snapshot, without a seal', async () => {
  const { ingestor } = await openNode(new FaultyFileSystem(new MemoryFileSystem()));
  assert.deepEqual(await send(ingestor, ['a', 'b']), { accepted: 2, rejected: 0, message: '' });
  assert.deepEqual(seen(ingestor), ['a', 'b']);
  assert.equal(ingestor.stats().openBatches, 1);
  await ingestor.close();
});

test('the memory of a batch is written anew only when neither the store nor a snapshot reads it', async () => {
  const wal = await SegmentedWal.open({ fileSystem: new MemoryFileSystem() }, { folder: FOLDER });
  const stored: SealedBatch[] = [];
  const nothing = { tables: new Map([['logs', { batches: [], files: [], attributeColumns: [] }]]), release: () => {} };
  const store: IngestStore = {
    pendingBytes: 0,
    tenants: new Set(),
    fenced: undefined,
    checkRoom: () => {},
    storedBytes: () => 0,
    append: async (batch) => void stored.push(batch),
    snapshot: () => nothing as unknown as Snapshot,
  };
  const ingestor = new Ingestor({ wal, store, clock: new DrivenClock() }, { batch: { maxRows: 3 } });
  const bodiesIn = ({ batch }: { batch: RecordBatch }) => batch.getChild('body')!.toArray() as string[];
  const shown = async (name: string) => {
    await send(ingestor, [`${name}1`, `${name}2`]);
    const snapshot = ingestor.snapshot('default', ['logs']);
    const [view] = snapshot.tables.get('logs')!.batches;
    await send(ingestor, [`${name}3`]); // full: the batch goes to the store
    return { view: view!, release: () => snapshot.release() };
  };
  const first = await shown('a');
  stored[0]!.release();
  const second = await shown('b');
  second.release();
  assert.deepEqual(bodiesIn(first.view), ['a1', 'a2'], 'a snapshot still reads it');
  assert.deepEqual(bodiesIn(stored[1]!), ['b1', 'b2', 'b3'], 'the store still has it');
  first.release();
  await send(ingestor, ['c1', 'c2', 'c3']);
  assert.deepEqual(bodiesIn(first.view), ['c1', 'c2'], 'nobody reads it any more, so it is used again');
  assert.deepEqual(bodiesIn(stored[1]!), ['b1', 'b2', 'b3']);
  await ingestor.close();
  await wal.close();
});

test('a snapshot does not see rows whose bytes are not durable yet', async () => {
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
  const { ingestor } = await openNode(fileSystem);
  await send(ingestor, ['before']);
  const gate = Promise.withResolvers<void>();
  fileSystem.hold(gate.promise, { operation: 'sync' });
  const pending = send(ingestor, ['pending']);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(seen(ingestor), ['before']);
  gate.resolve();
  await pending;
  assert.deepEqual(seen(ingestor), ['before', 'pending']);
  await ingestor.close();
});

test('a batch is sealed when it is full, and when it is old', async () => {
  const { ingestor, clock } = await openNode(new FaultyFileSystem(new MemoryFileSystem()), {
    batch: { maxRows: 3, maxAgeMs: 1000 },
  });
  await send(ingestor, ['1', '2']);
  assert.equal(ingestor.stats().openBatches, 1);
  await send(ingestor, ['3']);
  assert.equal(ingestor.stats().openBatches, 0, 'full');
  await send(ingestor, ['4']);
  clock.advance(999);
  assert.equal(ingestor.stats().openBatches, 1);
  clock.advance(1);
  assert.equal(ingestor.stats().openBatches, 0, 'old');
  assert.deepEqual(seen(ingestor), ['1', '2', '3', '4']);
  await ingestor.close();
});

test('a malformed request is refused whole and costs nothing that was accepted before', async () => {
  const { ingestor } = await openNode(new FaultyFileSystem(new MemoryFileSystem()));
  await send(ingestor, ['good']);
  const malformed = logsRequest(['lost', 'x']).slice(0, -1);
  malformed[1]!--;
  await assert.rejects(
    ingestor.ingest({ tenant: 'default', signal: 'logs', payload: malformed }),
    (error) => isOpenWitError(error) && error.kind === 'invalid' && error.code === 'MALFORMED_OTLP',
  );
  await send(ingestor, ['also good']);
  assert.deepEqual(seen(ingestor), ['also good', 'good']);
  await ingestor.close();
});

test('a batch whose first request was refused ends without rows, by its age or by a flush', async () => {
  const { ingestor, clock } = await openNode(new FaultyFileSystem(new MemoryFileSystem()));
  const malformed = { tenant: 'default', signal: 'logs', payload: Uint8Array.of(0x0a, 0x7f) } as const;
  await assert.rejects(ingestor.ingest(malformed), { code: 'MALFORMED_OTLP' });
  clock.advance(60_000);
  assert.equal(ingestor.stats().openBatches, 0);
  await assert.rejects(ingestor.ingest(malformed), { code: 'MALFORMED_OTLP' });
  await ingestor.flush();
  await send(ingestor, ['a']);
  assert.deepEqual(seen(ingestor), ['a']);
  await ingestor.close();
});

test('a request larger than the record limit is refused', async () => {
  const { ingestor } = await openNode(new FaultyFileSystem(new MemoryFileSystem()), {
    limits: { maxRequestRecords: 2 },
  });
  await assert.rejects(
    send(ingestor, ['1', '2', '3']),
    (error) => isOpenWitError(error) && error.code === 'REQUEST_TOO_LARGE',
  );
  await send(ingestor, ['1', '2']);
  assert.deepEqual(seen(ingestor), ['1', '2']);
  await ingestor.close();
});

test('after close nothing is taken', async () => {
  const { ingestor } = await openNode(new FaultyFileSystem(new MemoryFileSystem()));
  await ingestor.close();
  await assert.rejects(send(ingestor, ['late']), (error) => isOpenWitError(error) && error.kind === 'closed');
});

for (const [operation, code] of [
  ['sync', 'EIO'],
  ['write', 'ENOSPC'],
  ['open', 'EMFILE'],
  ['syncFolder', 'EIO'],
] as const) {
  test(`${code} on ${operation} is answered as retryable; what was refused is nowhere, what was acknowledged is there`, async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = new SeededRandom(seed);
      const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
      const { ingestor, wal } = await openNode(fileSystem, { batch: { maxRows: 40 } });
      const acknowledged: string[] = [];
      const refused: unknown[] = [];
      const faults: { clear(): void }[] = [];
      for (let round = 0; round < 12; round++) {
        if (random.below(2) === 0) faults.push(fileSystem.fail(code, { operation, from: 1 + random.below(3) }));
        const requests = Array.from({ length: 1 + random.below(6) }, async (_, i) => {
          const bodies = [`${round}.${i}.a`, `${round}.${i}.b ${'x'.repeat(random.below(900))}`];
          await send(ingestor, bodies).then(
            () => acknowledged.push(...bodies.map(shortened)),
            (error: unknown) => refused.push(error),
          );
        });
        await Promise.all(requests);
        assert.deepEqual(seen(ingestor), acknowledged.toSorted(), `seed ${seed}, round ${round}`);
      }
      for (const error of refused)
        assert.ok(error instanceof OpenWitError && error.kind === 'unavailable', String(error));
      await ingestor.close();
      await wal.close();
      for (const fault of faults) fault.clear();
      assert.deepEqual(await seenAfterRestart(fileSystem), acknowledged.toSorted(), `seed ${seed}, after restart`);
    }
  });
}

test('what is refused alone is nowhere, also when the log then fails for those before it', async () => {
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
  const wal = await SegmentedWal.open({ fileSystem }, { folder: FOLDER, segmentBytes: 16_384, maxBytes: 32_768 });
  const store = new MemoryStore({}, { maxBytes: Number.MAX_SAFE_INTEGER });
  const ingestor = new Ingestor({ wal, store, clock: new DrivenClock() });
  await send(ingestor, ['first']);
  const gate = Promise.withResolvers<void>();
  fileSystem.hold(
    gate.promise.then(() => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))),
    { operation: 'sync' },
  );
  const waiting = send(ingestor, ['waits for the disk']);
  const refusedAlone = send(ingestor, ['x'.repeat(40_000)]);
  await assert.rejects(refusedAlone, { code: 'REQUEST_TOO_LARGE' });
  gate.resolve();
  await assert.rejects(waiting, { code: 'WAL_UNAVAILABLE' });
  await send(ingestor, ['after']);
  assert.deepEqual(seen(ingestor), ['after', 'first']);
  await ingestor.close();
  await wal.close();
  assert.deepEqual(await seenAfterRestart(fileSystem), ['after', 'first']);
});

test('a tenant that no table could be named after is refused before anything of it is taken', async () => {
  const { ingestor } = await openNode(new FaultyFileSystem(new MemoryFileSystem()), { limits: { maxTenants: 2 } });
  const sendAs = (tenant: string) => ingestor.ingest({ tenant, signal: 'logs', payload: logsRequest(['a']) });
  await sendAs('acme');
  for (const tenant of ['Acme', 'MAIN', '../../x', 'a/b', '']) {
    await assert.rejects(sendAs(tenant), { code: 'INVALID_TENANT' }, tenant);
  }
  await sendAs('other');
  await assert.rejects(sendAs('third'), /too many tenants/);
  await sendAs('acme');
  assert.equal(ingestor.stats().acceptedRecords, 3);
  await ingestor.close();
});

test('what was acknowledged comes back, also under lower limits than then', async () => {
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
  const bodies = Array.from({ length: 30 }, (_, i) => String(i).padStart(2, '0'));
  const first = await openNode(fileSystem);
  await send(first.ingestor, bodies);
  await first.ingestor.close();
  await first.wal.close();
  const second = await openNode(fileSystem, { limits: { maxRequestRecords: 5, maxDecodedBytes: 100 } });
  await second.ingestor.recover();
  assert.deepEqual(seen(second.ingestor), bodies);
  await second.ingestor.close();
  await second.wal.close();
});

test('a log record that no longer decodes is set aside, and those around it come back', async () => {
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
  const { ingestor, wal } = await openNode(fileSystem);
  await send(ingestor, ['before']);
  const unreadable = Uint8Array.of(0x0a, 0x7f);
  const lsn = await wal.append({ tenant: 'default', signal: 'logs', batchId: 1, payload: unreadable });
  await send(ingestor, ['after']);
  await ingestor.close();
  await wal.close();
  const restarted = await openNode(fileSystem);
  await restarted.ingestor.recover();
  assert.deepEqual(seen(restarted.ingestor), ['after', 'before']);
  assert.equal(restarted.ingestor.stats().unreadableRecords, 1);
  const file = await fileSystem.open(`${FOLDER}/damaged/record-default-${lsn}.otlp`, 'read');
  const kept = Buffer.alloc(await file.size());
  await file.read(kept, 0);
  assert.deepEqual(Uint8Array.from(kept), unreadable);
  await restarted.ingestor.close();
});

test('requests that unpack to far more than they are long wait for each other, and memory stays near its limit', async () => {
  const maxMemoryBytes = 8 * 1024 * 1024;
  const { ingestor, clock } = await openNode(new FaultyFileSystem(new MemoryFileSystem()), {
    limits: { maxMemoryBytes, maxWaitMs: 500 },
  });
  // A record without fields is two bytes on the wire, and a row of all columns in memory.
  const empty = logsRequestOf(Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.of(0x12, 0))));
  let most = 0;
  const requests = Array.from({ length: 40 }, async () => {
    await ingestor.ingest({ tenant: 'default', signal: 'logs', payload: empty }).catch(() => {});
    most = Math.max(most, ingestor.stats().memoryBytes);
  });
  const settled = Promise.all(requests);
  for (let isDone = false; !isDone; ) {
    isDone = await Promise.race([
      settled.then(() => true),
      new Promise<false>((resolve) => setTimeout(resolve, 20, false)),
    ]);
    clock.advance(100);
  }
  const { acceptedRecords } = ingestor.stats();
  assert.ok(acceptedRecords > 0 && acceptedRecords < 40 * 20_000, String(acceptedRecords));
  // What is being decoded may go over, not what waits behind it.
  assert.ok(most < 6 * maxMemoryBytes, `${most} bytes`);
  await ingestor.close();
});

test('memory that stays full is answered as overloaded, and room that comes back is used', async () => {
  const { ingestor, clock } = await openNode(new FaultyFileSystem(new MemoryFileSystem()), {
    limits: { maxMemoryBytes: 200_000, maxWaitMs: 500 },
  });
  const big = Array.from({ length: 200 }, (_, i) => `${i} ${'y'.repeat(1000)}`);
  await send(ingestor, big);
  const waiting = assert.rejects(
    send(ingestor, big),
    (error) => isOpenWitError(error) && error.kind === 'overloaded' && error.retryAfterMs! > 0,
  );
  clock.advance(500);
  await waiting;
  assert.equal(seen(ingestor).length, 200);
  await ingestor.close();
});

test('while a batch is on its way to its file, pressure seals no other', async () => {
  const wal = await SegmentedWal.open({ fileSystem: new MemoryFileSystem() }, { folder: FOLDER });
  const writing: { rows: number; done: () => void }[] = [];
  const store = {
    pendingBytes: 0,
    tenants: new Set<string>(),
    fenced: undefined,
    checkRoom: () => {},
    storedBytes: () => 0,
    append: ({ batch }: SealedBatch) => {
      const bytes = 150_000;
      store.pendingBytes += bytes;
      const { promise, resolve } = Promise.withResolvers<void>();
      const done = () => {
        store.pendingBytes -= bytes;
        resolve();
      };
      writing.push({ rows: batch.numRows, done });
      return promise;
    },
    snapshot: () => assert.fail('nobody asks'),
  };
  const limits = { maxMemoryBytes: 450_000, maxWaitMs: 500 };
  const ingestor = new Ingestor({ wal, store, clock: new DrivenClock() }, { batch: { maxRows: 100 }, limits });
  const kilobytes = (count: number) => Array.from({ length: count }, (_, i) => `${i} ${'z'.repeat(1000)}`);
  await send(ingestor, kilobytes(100));
  await send(ingestor, kilobytes(80));
  assert.deepEqual(
    writing.map(({ rows }) => rows),
    [100],
  );
  const waiting = send(ingestor, kilobytes(90));
  assert.ok(ingestor.stats().memoryBytes + 90_000 > limits.maxMemoryBytes, 'the third request has to wait');
  assert.equal(writing.length, 1);
  writing[0]!.done();
  await waiting;
  assert.deepEqual(
    writing.map(({ rows }) => rows),
    [100, 170],
  );
  writing[1]!.done();
  await ingestor.close();
});
