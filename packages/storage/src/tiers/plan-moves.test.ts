import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tier } from '@openwit/ports';
import { SeededRandom } from '@openwit/ports/testing';
import { isDue, type MovedFile, planMoves } from './plan-moves.ts';
import { policyOf, type TablePolicy } from './table-policy.ts';

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const EVERYWHERE = { hotBytes: Infinity, hasCold: true, hasArchive: true };

let lastId = 0;

function file(ageMs: number, tier: Tier = 'hot', parts: Partial<MovedFile> = {}): MovedFile {
  const ns = BigInt(NOW - ageMs) * 1_000_000n;
  const fileId = ++lastId;
  return {
    fileId,
    path: `/data/${fileId}`,
    tier,
    sizeBytes: 100,
    generation: 1,
    minTimestampNs: ns,
    maxTimestampNs: ns,
    ...parts,
  };
}

const table = (policy: TablePolicy, files: readonly MovedFile[]) =>
  ({ tenant: 'acme', table: 'logs', policy, files }) as const;
const told = (moves: ReturnType<typeof planMoves>) => moves.map(({ file: { fileId }, to }) => [fileId, to]);

test('files move by their age, the oldest first, and not before', () => {
  const files = [
    file(DAY_MS),
    file(DAY_MS - 1),
    file(3 * DAY_MS),
    file(9 * DAY_MS, 'cold'),
    file(8 * DAY_MS, 'archive'),
  ];
  const moves = planMoves([table({ coldAfterMs: DAY_MS, archiveAfterMs: 7 * DAY_MS }, files)], NOW, EVERYWHERE);
  assert.deepEqual(told(moves), [
    [files[3]!.fileId, 'archive'],
    [files[2]!.fileId, 'cold'],
    [files[0]!.fileId, 'cold'],
  ]);
});

test('a file that was never merged waits for that, unless there is no room', () => {
  const fresh = file(9 * DAY_MS, 'hot', { generation: 0 });
  assert.deepEqual(planMoves([table({ coldAfterMs: DAY_MS }, [fresh])], NOW, EVERYWHERE), []);
  const moves = planMoves([table({}, [fresh])], NOW, { ...EVERYWHERE, hotBytes: 50 });
  assert.deepEqual(told(moves), [[fresh.fileId, 'cold']]);
});

test('a file that made room before it was merged goes on to the archive', () => {
  const small = file(9 * DAY_MS, 'cold', { generation: 0 });
  const moves = planMoves([table({ archiveAfterMs: 7 * DAY_MS }, [small])], NOW, EVERYWHERE);
  assert.deepEqual(told(moves), [[small.fileId, 'archive']]);
});

test('a hot tier that is too large gives off the oldest merged files of all tables, and no more than it must', () => {
  const a = [file(5 * DAY_MS), file(1 * DAY_MS)];
  const b = [file(4 * DAY_MS), file(6 * DAY_MS, 'hot', { generation: 0 })];
  const moves = planMoves([table({}, a), table({}, b)], NOW, { ...EVERYWHERE, hotBytes: 250 });
  assert.deepEqual(told(moves), [
    [a[0]!.fileId, 'cold'],
    [b[0]!.fileId, 'cold'],
  ]);
});

test('a table that is larger than its policy allows gives off its oldest files, whatever there is room for', () => {
  const logs = [file(1 * DAY_MS), file(3 * DAY_MS), file(2 * DAY_MS), file(4 * DAY_MS, 'cold')];
  const others = [file(9 * DAY_MS), file(8 * DAY_MS)];
  const tables = [table({ hotBytes: 150 }, logs), table({}, others)];
  assert.deepEqual(told(planMoves(tables, NOW, EVERYWHERE)), [
    [logs[1]!.fileId, 'cold'],
    [logs[2]!.fileId, 'cold'],
  ]);
  const both = planMoves(tables, NOW, { ...EVERYWHERE, hotBytes: 200 });
  assert.deepEqual(told(both).at(-1), [others[0]!.fileId, 'cold'], 'what the table gives off makes room for all');
  assert.equal(both.length, 3);
  assert.deepEqual(planMoves(tables, NOW, { ...EVERYWHERE, hasCold: false }), []);
});

test('in the place of a file that cannot go now others make room, and one for the archive goes to the cold tier', () => {
  const files = [file(9 * DAY_MS), file(8 * DAY_MS), file(DAY_MS)];
  const [first, old] = files;
  const limits = {
    ...EVERYWHERE,
    mayMove: ({ fileId }: MovedFile, to: Tier) => fileId !== first!.fileId && to === 'cold',
  };
  const policy = { coldAfterMs: 5 * DAY_MS, archiveAfterMs: 7 * DAY_MS };
  assert.deepEqual(told(planMoves([table(policy, files)], NOW, limits)), [[old!.fileId, 'cold']]);
  const room = planMoves([table({}, files)], NOW, { ...limits, hotBytes: 200 });
  assert.deepEqual(told(room), [[old!.fileId, 'cold']]);
});

test('nothing moves to a tier that is not there', () => {
  const old = [file(99 * DAY_MS)];
  const policy = { coldAfterMs: 1, archiveAfterMs: 2 };
  const limits = { hotBytes: 0, hasCold: false, hasArchive: false };
  assert.deepEqual(planMoves([table(policy, old)], NOW, limits), []);
  assert.deepEqual(told(planMoves([table(policy, old)], NOW, { ...limits, hasCold: true })), [
    [old[0]!.fileId, 'cold'],
  ]);
});

test('something is due exactly when there is something to plan', () => {
  const random = new SeededRandom(7);
  const ages = [undefined, DAY_MS, 3 * DAY_MS];
  let due = 0;
  for (let round = 0; round < 500; round++) {
    const policy = (): TablePolicy => {
      const [coldAfterMs, archiveAfterMs] = [random.pick(ages), random.pick(ages)];
      const hotBytes = random.pick([150, 250, Infinity]);
      return { hotBytes, ...(coldAfterMs && { coldAfterMs }), ...(archiveAfterMs && { archiveAfterMs }) };
    };
    const files = () =>
      Array.from({ length: random.below(4) }, () =>
        file(random.below(5) * DAY_MS, random.pick(['hot', 'cold', 'archive']), { generation: random.below(2) }),
      );
    const tables = [table(policy(), files()), table(policy(), files())];
    const limits = {
      hotBytes: random.pick([150, 350, Infinity]),
      hasCold: random.below(3) > 0,
      hasArchive: random.below(3) > 0,
    };
    const isPlanned = planMoves(tables, NOW, limits).length > 0;
    assert.equal(isDue(tables, NOW, limits), isPlanned);
    due += Number(isPlanned);
  }
  assert.ok(due > 100 && due < 450, `${due} of 500`);
});

test('of the rules that name a table, the last one with the part holds', () => {
  const rules = [
    { coldAfterMs: 1, retentionMs: 10, hotBytes: 5 },
    { tenant: 'acme', retentionMs: 20, hotBytes: 6 },
    { tenant: 'acme', table: 'logs', coldAfterMs: 3 },
    { table: 'traces', archiveAfterMs: 4 },
  ] as const;
  assert.deepEqual(policyOf(rules, 'acme', 'logs'), { coldAfterMs: 3, retentionMs: 20, hotBytes: 6 });
  assert.deepEqual(policyOf(rules, 'other', 'traces'), {
    coldAfterMs: 1,
    retentionMs: 10,
    archiveAfterMs: 4,
    hotBytes: 5,
  });
  assert.deepEqual(policyOf([], 'acme', 'logs'), {});
});
