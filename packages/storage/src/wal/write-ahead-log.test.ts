import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOpenWitError, nodeFileSystem, type OpenWitError } from '@openwit/ports';
import { FaultyFileSystem, MemoryFileSystem, replayAll, testWriteAheadLog, walRecord } from '@openwit/ports/testing';
import { MemoryWal } from './memory-wal.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { SegmentedWal, type SegmentedWalSettings } from './segmented-wal.ts';

testWriteAheadLog(
  'SegmentedWal on a disk',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openwit-wal-'));
    return { open: () => SegmentedWal.open({ fileSystem: nodeFileSystem }, { folder }) };
  },
  { keeps: true },
);

testWriteAheadLog(
  'SegmentedWal with tiny segments',
  async () => {
    const fileSystem = new MemoryFileSystem();
    return { open: () => openSmall(fileSystem) };
  },
  { keeps: true },
);

testWriteAheadLog('MemoryWal', async () => ({ open: async () => new MemoryWal() }), { keeps: false });

test('appends that wait share one write and one sync', async () => {
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
  const syncs = fileSystem.fail('never', { operation: 'sync', from: Infinity });
  const wal = await openSmall(fileSystem);
  await wal.append(walRecord(0));
  const before = syncs.seen;
  await Promise.all(Array.from({ length: 20 }, (_, i) => wal.append(walRecord(i))));
  assert.equal(syncs.seen - before, 1);
  await wal.close();
});

test('a group is bounded in bytes', async () => {
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
  const syncs = fileSystem.fail('never', { operation: 'sync', from: Infinity });
  const wal = await openSmall(fileSystem, { segmentBytes: 1 << 16, maxGroupBytes: 1000 });
  await wal.append(walRecord(0));
  const before = syncs.seen;
  await Promise.all(Array.from({ length: 10 }, (_, i) => wal.append(walRecord(i, { payload: new Uint8Array(400) }))));
  assert.equal(syncs.seen - before, 5);
  await wal.close();
});

test('a released segment is removed, the last one never', async () => {
  const fileSystem = new MemoryFileSystem();
  const forgotten: number[] = [];
  const wal = await openSmall(fileSystem, { onForgotten: (ids) => void forgotten.push(...ids) });
  let lsn = 0;
  for (let batchId = 1; batchId <= 10; batchId++) {
    lsn = await wal.append(walRecord(batchId, { batchId, payload: new Uint8Array(400) }));
    wal.release({ batchId, throughLsn: lsn });
  }
  await wal.close();
  const left = (await fileSystem.list('/wal')).filter(({ name }) => name.endsWith('.wal'));
  assert.equal(left.length, 1);
  assert.deepEqual(forgotten, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const again = await openSmall(fileSystem);
  assert.ok(again.stats().nextLsn > lsn);
  assert.ok(again.nextBatchId > 10);
  await again.close();
});

test('after a roll nothing of what is released is left, and what is not stays', async () => {
  const fileSystem = new MemoryFileSystem();
  const wal = await openSmall(fileSystem, { segmentBytes: 1 << 16, maxBytes: 1 << 20 });
  await wal.roll();
  const lsns = [];
  for (let batchId = 1; batchId <= 3; batchId++) lsns.push(await wal.append(walRecord(batchId, { batchId })));
  wal.release({ batchId: 1, throughLsn: lsns[0]! });
  wal.release({ batchId: 2, throughLsn: lsns[1]! });
  const [rolled] = await Promise.all([wal.roll(), wal.append(walRecord(4, { batchId: 4 }))]);
  assert.equal(rolled, undefined);
  assert.equal(wal.stats().segments, 2, 'a record of the old segment is needed');
  wal.release({ batchId: 3, throughLsn: lsns[2]! });
  await wal.roll();
  await wal.close();
  const again = await openSmall(fileSystem, { segmentBytes: 1 << 16, maxBytes: 1 << 20 });
  assert.deepEqual(
    (await replayAll(again)).map(({ batchId }) => batchId),
    [4],
  );
  await again.close();
});

test('repair is given up for a tenant: its records and all stretches go, also those that could not be copied', async () => {
  const memory = new MemoryFileSystem();
  const settings = { segmentBytes: 1 << 16, maxBytes: 1 << 20 };
  const first = await openSmall(memory, settings);
  const payload = Buffer.from('a person');
  const lsn = await first.append(walRecord(1, { payload }));
  await first.append(walRecord(2));
  await first.close();
  const [segment] = await memory.list('/wal');
  const file = await memory.open(`/wal/${segment!.name}`, 'write');
  await file.write([Buffer.from('xx')], SEGMENT_HEADER_BYTES + 20);
  await file.close();
  memory.capacityBytes = 0;
  const wal = await openSmall(memory, settings);
  memory.capacityBytes = Infinity;
  for (const tenant of ['gone', 'gone-too', 'kept']) await wal.setAside({ ...walRecord(1, { payload }), tenant, lsn });
  await memory.makeFolder('/wal/damaged');
  await (await memory.open('/wal/damaged/00.wal-1-2.bin', 'create')).close();
  await wal.append(walRecord(3, { batchId: 3 }));
  for (const { batchId } of await replayAll(wal)) wal.release({ batchId, throughLsn: 1000 });
  await wal.roll();
  assert.ok((await memory.list('/wal')).some(({ name }) => name === segment!.name));
  await wal.giveUpRepair('gone');
  await wal.roll();
  assert.deepEqual(
    (await memory.list('/wal/damaged')).map(({ name }) => name),
    [`record-gone-too-${lsn}.otlp`, `record-kept-${lsn}.otlp`],
  );
  assert.ok(!(await memory.list('/wal')).some(({ name }) => name === segment!.name));
  await wal.close();
});

test('a range is forgotten only when the removal of its frames survives a power cut', async () => {
  const memory = new MemoryFileSystem();
  const fileSystem = new FaultyFileSystem(memory);
  const forgotten: number[] = [];
  const wal = await openSmall(fileSystem, { onForgotten: (ids) => void forgotten.push(...ids) });
  const lsn = await wal.append(walRecord(1, { batchId: 1, payload: new Uint8Array(600) }));
  await wal.append(walRecord(2, { batchId: 2 }));
  fileSystem.fail('EIO', { operation: 'syncFolder', times: 1 });
  wal.release({ batchId: 1, throughLsn: lsn });
  await wal.close();
  assert.equal(forgotten.length, 0);
  memory.powerCut();
  const again = await openSmall(memory, { onForgotten: (ids) => void forgotten.push(...ids) });
  again.release({ batchId: 1, throughLsn: lsn });
  assert.deepEqual(
    (await replayAll(again)).map(({ batchId }) => batchId),
    [2],
  );
  await again.close();
  assert.deepEqual(forgotten, [1]);
});

test('a full log answers overloaded, and takes records again when some are released', async () => {
  const fileSystem = new MemoryFileSystem();
  const wal = await openSmall(fileSystem, { segmentBytes: 5000, maxBytes: 20_000 });
  const lsns: number[] = [];
  const error = await (async (): Promise<never> => {
    for (;;) lsns.push(await wal.append(walRecord(0, { batchId: lsns.length + 1, payload: new Uint8Array(500) })));
  })().catch((failure: OpenWitError) => failure);
  assert.ok(isOpenWitError(error) && error.kind === 'overloaded' && error.code === 'OVERLOADED');
  assert.ok(lsns.length >= 4 && wal.stats().bytes <= 20_000);
  for (const [i, throughLsn] of lsns.entries()) wal.release({ batchId: i + 1, throughLsn });
  await new Promise((resolve) => setImmediate(resolve));
  await wal.append(walRecord(0, { batchId: 99, payload: new Uint8Array(500) }));
  await wal.close();
});

test('a log whose last segment is released takes records however full that is, also when it was opened again', async () => {
  const fileSystem = new MemoryFileSystem();
  const settings = { segmentBytes: 15_000, maxBytes: 30_000 };
  let wal = await openSmall(fileSystem, settings);
  for (const life of [1, 2]) {
    const payloads = [9_000, 15_500].map((bytes, i) =>
      wal.append(walRecord(i, { batchId: life, payload: new Uint8Array(bytes) })),
    );
    const [, throughLsn] = await Promise.all(payloads);
    await assert.rejects(wal.append(walRecord(2, { batchId: life, payload: new Uint8Array(3000) })));
    wal.release({ batchId: life, throughLsn: throughLsn! });
    if (life === 2) {
      await wal.close();
      wal = await openSmall(fileSystem, settings);
      wal.release({ batchId: life, throughLsn: throughLsn! });
    }
    for (let i = 0; i < 4; i++) {
      const lsn = await wal.append(walRecord(i, { batchId: 10 * life + i, payload: new Uint8Array(3000) }));
      wal.release({ batchId: 10 * life + i, throughLsn: lsn });
      assert.ok(wal.stats().bytes <= settings.maxBytes);
    }
  }
  await wal.close();
});

test('a last segment that is half full makes way when nothing of it is needed', async () => {
  const wal = await openSmall(new MemoryFileSystem(), { segmentBytes: 15_000, maxBytes: 30_000 });
  const throughLsn = await wal.append(walRecord(0, { batchId: 1, payload: new Uint8Array(5000) }));
  wal.release({ batchId: 1, throughLsn });
  await wal.append(walRecord(1, { batchId: 2, payload: new Uint8Array(22_000) }));
  assert.ok(wal.stats().bytes <= 30_000);
  await wal.close();
});

test('what is being written counts to the limit', async () => {
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem());
  const wal = await openSmall(fileSystem, { segmentBytes: 15_000, maxBytes: 30_000 });
  await wal.append(walRecord(0));
  const synced = Promise.withResolvers<void>();
  const held = fileSystem.hold(synced.promise, { operation: 'sync' });
  const first = wal.append(walRecord(1, { payload: new Uint8Array(12_000) }));
  while (held.seen === 0) await new Promise((resolve) => setImmediate(resolve));
  const second = wal.append(walRecord(2, { payload: new Uint8Array(10_000) }));
  synced.resolve();
  await assert.rejects(second, (error) => isOpenWitError(error) && error.code === 'OVERLOADED');
  await first;
  assert.ok(wal.stats().bytes <= 30_000);
  await wal.close();
});

test('a record that no empty log would take is too large, not refused for a while', async () => {
  const wal = await openSmall(new MemoryFileSystem(), { segmentBytes: 1000, maxBytes: 10_000 });
  await assert.rejects(
    wal.append(walRecord(0, { payload: new Uint8Array(10_000) })),
    (error) => isOpenWitError(error) && error.code === 'REQUEST_TOO_LARGE',
  );
  await wal.close();
});

test('a record beyond the limit is refused before it is written', async () => {
  const wal = await openSmall(new MemoryFileSystem(), { maxPayloadBytes: 100 });
  await assert.rejects(
    wal.append(walRecord(0, { payload: new Uint8Array(101) })),
    (error) => isOpenWitError(error) && error.kind === 'invalid' && error.code === 'REQUEST_TOO_LARGE',
  );
  await wal.close();
});

function openSmall(
  fileSystem: MemoryFileSystem | FaultyFileSystem,
  settings: Partial<SegmentedWalSettings> = {},
): Promise<SegmentedWal> {
  return SegmentedWal.open(
    { fileSystem },
    { folder: '/wal', segmentBytes: SEGMENT_HEADER_BYTES + 400, maxBytes: 1 << 20, ...settings },
  );
}
