import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOpenWitError } from '@openwit/ports';
import { FaultyFileSystem, MemoryFileSystem, replayAll, SeededRandom, walRecord } from '@openwit/ports/testing';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { SegmentedWal } from './segmented-wal.ts';

const open = (fileSystem: MemoryFileSystem | FaultyFileSystem): Promise<SegmentedWal> =>
  SegmentedWal.open({ fileSystem }, { folder: '/wal', segmentBytes: SEGMENT_HEADER_BYTES + 600, maxBytes: 1 << 20 });

describe('what is acknowledged is replayed, what is rejected is not', () => {
  for (const code of ['ENOSPC', 'EIO', 'EMFILE']) {
    for (const times of [1, 2, 3, 5]) {
      test(`with ${code} at every operation, ${times} in a row`, async () => {
        for (let from = 1; from < 60; from++) await appendWithFault(code, from, times);
      });
    }
  }
});

/** Twelve appends of which some fail; then a power cut, and the log must hold exactly the others. */
async function appendWithFault(code: string, from: number, times: number): Promise<void> {
  const memory = new MemoryFileSystem();
  const faulty = new FaultyFileSystem(memory);
  const wal = await open(faulty);
  const fault = faulty.fail(code, { from, times });
  const acknowledged: number[] = [];
  for (let i = 0; i < 12; i++) {
    const appends = [2 * i, 2 * i + 1].map((k) =>
      wal.append(walRecord(k, { payload: Buffer.from(`${k}`.padStart(100)) })).then(
        () => void acknowledged.push(k),
        (error) => {
          assert.ok(isOpenWitError(error) && error.code === 'WAL_UNAVAILABLE' && error.retryAfterMs === 1000);
          assert.equal((error.cause as NodeJS.ErrnoException).code, code);
        },
      ),
    );
    await Promise.all(appends);
  }
  fault.clear();
  await wal.append(walRecord(99, { payload: Buffer.from('99') }));
  await wal.close();

  memory.powerCut(new SeededRandom(from * 31 + times));
  const again = await open(memory);
  const replayed = (await replayAll(again)).map(({ payload }) => Number(Buffer.from(payload).toString()));
  assert.deepEqual(replayed, [...acknowledged, 99], `${code} at operation ${from}`);
  assert.equal(again.stats().damagedFrames, 0);
  await again.close();
}

test('a rejected record is not replayed when it could not even be cut away', async () => {
  const memory = new MemoryFileSystem();
  const faulty = new FaultyFileSystem(memory);
  const wal = await open(faulty);
  await wal.append(walRecord(1));
  const sync = faulty.fail('EIO', { operation: 'sync', times: 1 });
  const truncate = faulty.fail('EIO', { operation: 'truncate', times: Infinity });
  await assert.rejects(wal.append(walRecord(2)));
  sync.clear();
  await wal.close();
  memory.kill();
  for (let start = 0; start < 2; start++) {
    const again = await open(faulty);
    assert.deepEqual(
      (await replayAll(again)).map(({ payload }) => Buffer.from(payload).toString()),
      ['payload 1'],
    );
    await again.close();
  }
  truncate.clear();
});

test('a full disk rejects, and records are taken again when there is space', async () => {
  const memory = new MemoryFileSystem();
  const wal = await open(memory);
  await wal.append(walRecord(1));
  memory.capacityBytes = SEGMENT_HEADER_BYTES + 200;
  await assert.rejects(wal.append(walRecord(2, { payload: new Uint8Array(500) })));
  await assert.rejects(wal.append(walRecord(3)));
  memory.capacityBytes = Infinity;
  await wal.append(walRecord(4));
  await wal.close();
  const again = await open(memory);
  assert.deepEqual(
    (await replayAll(again)).map(({ payload }) => Buffer.from(payload).toString()),
    ['payload 1', 'payload 4'],
  );
  await again.close();
});

test('a full disk does not stop the start, damage or not', async () => {
  const memory = new MemoryFileSystem();
  const first = await open(memory);
  for (let i = 0; i < 3; i++) await first.append(walRecord(i));
  await first.close();
  const [segment] = await memory.list('/wal');
  const file = await memory.open(`/wal/${segment!.name}`, 'write');
  await file.write([Buffer.from('xx')], SEGMENT_HEADER_BYTES + 50);
  memory.capacityBytes = 0;
  const second = await open(memory);
  assert.equal(second.stats().damagedFrames, 1);
  assert.equal((await replayAll(second)).length, 2);
  await assert.rejects(second.append(walRecord(9)));
  second.release({ batchId: 1, throughLsn: 100 });
  memory.capacityBytes = Infinity;
  await second.append(walRecord(10, { batchId: 2 }));
  await second.close();
  assert.equal((await memory.list('/wal/damaged')).filter(({ name }) => name.endsWith('.bin')).length, 0);
  assert.ok(
    (await memory.list('/wal')).some(({ name }) => name === segment!.name),
    'damage that was not copied is kept',
  );
  const third = await open(memory);
  assert.equal((await memory.list('/wal/damaged')).filter(({ name }) => name.endsWith('.bin')).length, 1);
  await third.close();
});

test('an append that was under way at a power cut is there whole or not at all, for 200 seeds', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SeededRandom(seed);
    const memory = new MemoryFileSystem();
    const acknowledged = new Map<number, string>();
    let asked = 0;
    for (let life = 0; life < 4; life++) {
      const wal = await open(memory);
      for (const { lsn, payload } of await replayAll(wal)) {
        const known = acknowledged.get(lsn);
        if (known !== undefined) assert.equal(Buffer.from(payload).toString(), known);
      }
      const replayed = new Set((await replayAll(wal)).map(({ lsn }) => lsn));
      for (const lsn of acknowledged.keys()) assert.ok(replayed.has(lsn), `seed ${seed}: lsn ${lsn} is lost`);
      const stopped = memory.stopAt(memory.operations + 1 + random.below(40));
      const appends = Array.from({ length: 4 }, async () => {
        for (;;) {
          const text = `${++asked}`.padStart(random.below(300));
          const lsn = await wal.append(walRecord(0, { payload: Buffer.from(text) }));
          acknowledged.set(lsn, text);
        }
      });
      await Promise.race([stopped, ...appends]);
      memory.powerCut(random);
    }
  }
});

test('a roll says so when what is released cannot be removed, and removes it when it is called again', async () => {
  const memory = new MemoryFileSystem();
  const faulty = new FaultyFileSystem(memory);
  const wal = await open(faulty);
  const lsn = await wal.append(walRecord(1, { batchId: 1 }));
  wal.release({ batchId: 1, throughLsn: lsn });
  const fault = faulty.fail('EIO', { operation: 'remove', times: Infinity });
  await assert.rejects(wal.roll(), (error) => isOpenWitError(error) && error.code === 'WAL_UNAVAILABLE');
  assert.equal((await memory.list('/wal')).length, 2);
  fault.clear();
  await wal.roll();
  assert.equal((await memory.list('/wal')).length, 1);
  await wal.close();
});
