import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOpenWitError } from '../errors.ts';
import type { WalEntry, WalRecord, WriteAheadLog } from '../write-ahead-log.ts';

/** A place for one log, opened as often as a test wants, one at a time. */
export interface LogPlace {
  open(): Promise<WriteAheadLog>;
}

/**
 * Proves the guarantees of {@link WriteAheadLog} on an implementation.
 * @param options `keeps`: what is appended outlives the process
 */
export function testWriteAheadLog(
  name: string,
  make: () => Promise<LogPlace>,
  options: { readonly keeps: boolean },
): void {
  describe(`${name} is a write-ahead log`, () => {
    test('sequence numbers grow in the order of the calls', async () => {
      const log = await (await make()).open();
      const lsns = await Promise.all(Array.from({ length: 100 }, (_, i) => log.append(walRecord(i))));
      assert.ok(lsns.every((lsn, i) => i === 0 || lsn > lsns[i - 1]!));
      assert.ok(log.stats().nextLsn > lsns.at(-1)!);
      await log.close();
    });

    test('the next batch id is greater than every batch id', async () => {
      const log = await (await make()).open();
      assert.ok(log.nextBatchId >= 1);
      await log.append(walRecord(1, { batchId: 41 }));
      assert.ok(log.nextBatchId > 41);
      await log.close();
    });

    test('a closed log takes nothing', async () => {
      const log = await (await make()).open();
      const before = log.append(walRecord(1));
      await log.close();
      await before;
      await assert.rejects(log.append(walRecord(2)), (error) => isOpenWitError(error) && error.code === 'CLOSED');
    });

    if (!options.keeps) return;

    test('what is durable is replayed whole, unchanged and in order', async () => {
      const place = await make();
      const records = Array.from({ length: 50 }, (_, i) =>
        walRecord(i, {
          signal: (['traces', 'logs', 'metrics'] as const)[i % 3]!,
          tenant: `tenant-${i % 4}`,
          batchId: 1 + (i >> 3),
          payload: Uint8Array.from({ length: (i * 997) % 5000 }, (_, k) => (i * k) & 255),
          ...(i % 2 === 0 ? { source: { source: `kafka/späns/${i % 5}`, next: 2 ** 40 + i } } : {}),
        }),
      );
      const first = await place.open();
      const lsns = await Promise.all(records.map((record) => first.append(record)));
      await first.close();

      const second = await place.open();
      const replayed = await replayAll(second);
      assert.deepEqual(
        replayed.map(({ payload, ...rest }) => ({ ...rest, payload: Uint8Array.from(payload) })),
        records.map((record, i) => ({ ...record, lsn: lsns[i] })),
      );
      await second.close();
    });

    test('a released record is not replayed, its neighbours are', async () => {
      const place = await make();
      const first = await place.open();
      const lsns: number[] = [];
      for (let i = 0; i < 6; i++) lsns.push(await first.append(walRecord(i, { batchId: 1 + (i % 2) })));
      await first.close();
      const second = await place.open();
      second.release({ batchId: 1, throughLsn: lsns[2]! });
      assert.deepEqual(
        (await replayAll(second)).map(({ lsn }) => lsn),
        [1, 3, 4, 5].map((i) => lsns[i]),
      );
      await second.close();
    });

    test('numbers never restart, whatever was released', async () => {
      const place = await make();
      let lastLsn = 0;
      let lastBatchId = 0;
      for (let round = 0; round < 5; round++) {
        const log = await place.open();
        assert.ok(log.nextBatchId > lastBatchId);
        lastBatchId = log.nextBatchId;
        for (let i = 0; i < 3; i++) {
          const lsn = await log.append(walRecord(i, { batchId: lastBatchId }));
          assert.ok(lsn > lastLsn);
          lastLsn = lsn;
        }
        log.release({ batchId: lastBatchId, throughLsn: lastLsn });
        await log.close();
      }
    });
  });
}

/** A small record with a payload of its own. */
export function walRecord(i: number, parts: Partial<WalRecord> = {}): WalRecord {
  return {
    tenant: 'default',
    signal: 'traces',
    batchId: 1,
    payload: new TextEncoder().encode(`payload ${i}`),
    ...parts,
  };
}

export async function replayAll(log: WriteAheadLog): Promise<WalEntry[]> {
  const entries: WalEntry[] = [];
  for await (const entry of log.replay()) entries.push(entry);
  return entries;
}
