import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  type CodedColumn,
  type FoundRows,
  type IndexCondition,
  type IndexedColumn,
  type IndexRange,
  isOpenWitError,
  type MissingRanges,
  type OpenIndex,
  type TextColumn,
} from '@openwit/ports';
import { needsAddon } from '../../tantivy-node/src/testing/needs-addon.ts';
import { indexSearcher } from '../index-searcher.ts';
import { textSearcher } from '../text-searcher.ts';
import { IndexFileBuild } from './index-file-build.ts';

const ROWS = 3000;
/** As row groups hand them over. */
const GROUP_ROWS = 1000;
const COLUMNS: readonly IndexedColumn[] = [
  { name: 'body', use: 'text', analyser: 'log' },
  { name: 'title', use: 'text', analyser: 'cjk' },
  { name: 'trace_id', use: 'id' },
  { name: 'route', use: 'value' },
  { name: 'user', use: 'value' },
  { name: 'session', use: 'value' },
];
type Name = 'body' | 'title' | 'trace_id' | 'route' | 'user' | 'session';

let state = 5;
const below = (limit: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
};
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
const WORDS = ['connection', 'timeout', 'Straße', 'user-4711', '10.0.3.7', 'retry', '', 'don’t'];
const rows = Array.from(
  { length: ROWS },
  (_, i): Record<Name, string | null> => ({
    body: below(20) === 0 ? null : Array.from({ length: below(6) }, () => pick(WORDS)).join(' '),
    title: pick(['東京都の天気', '天気', 'weather', null]),
    trace_id: below(9) === 0 ? null : ((i >> 2) * 2654435761).toString(16).padStart(32, '0'),
    route: pick(['/a', '/b', '/c/ü', '', null]),
    user: pick([`user-${below(900)}`, 'root', null]),
    // Few values at first, and then very many.
    session: i < GROUP_ROWS ? `s${below(9)}` : `session-${i}`,
  }),
);
const endBytesOf = new Map<string, number>();
const noSignal = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), 'openwit-file-index-'));
after(() => rmSync(folder, { recursive: true }));

async function built(name: string, hasTantivy = true): Promise<string> {
  const path = join(folder, name);
  const build = new IndexFileBuild(path, COLUMNS, hasTantivy);
  for (let from = 0; from < ROWS; from += GROUP_ROWS) {
    const own = rows.slice(from, from + GROUP_ROWS);
    const isCoded = (column: string) => ['route', 'title', 'session'].includes(column) && from < 2 * GROUP_ROWS;
    await build.add(
      own.length,
      COLUMNS.map(({ name: column }) => {
        const texts = own.map((row) => row[column as Name]);
        return isCoded(column) ? coded(texts) : plain(texts);
      }),
    );
  }
  const { sizeBytes, endBytes, columns } = (await build.finish())!;
  endBytesOf.set(path, endBytes);
  assert.equal(statSync(path).size, sizeBytes);
  assert.deepEqual(
    columns,
    COLUMNS.filter(({ use }) => hasTantivy || use !== 'text').map((column) => column.name),
  );
  return path;
}

function plain(texts: readonly (string | null)[]): TextColumn {
  const bytes = texts.map((text) => Buffer.from(text ?? ''));
  const offsets = new Int32Array(texts.length + 1);
  bytes.forEach((text, i) => {
    offsets[i + 1] = offsets[i]! + text.length;
  });
  const validity = new Uint8Array((texts.length + 7) >> 3);
  texts.forEach((text, i) => {
    if (text !== null) validity[i >> 3]! |= 1 << (i & 7);
  });
  return { data: Buffer.concat(bytes), offsets, validity };
}

function coded(texts: readonly (string | null)[]): CodedColumn {
  const values = [...new Set(texts.filter((text) => text !== null))];
  return {
    values: plain(values),
    codes: Int32Array.from(texts, (text) => (text === null ? -1 : values.indexOf(text))),
  };
}

function open(answer: OpenIndex | MissingRanges): OpenIndex {
  assert.ok(!('missing' in answer));
  return answer;
}

async function found(index: OpenIndex, conditions: readonly IndexCondition[]): Promise<FoundRows | undefined> {
  const answer = await index.search(conditions, false, noSignal);
  assert.ok(answer === undefined || !('missing' in answer));
  return answer;
}

function match(search: string): IndexCondition {
  const compiled = textSearcher.compile(search, 'log', () => 'log');
  return { kind: 'match', search: compiled, columns: ['body', ...compiled.fields.slice(1)] };
}

/** What meets a condition, row by row. */
function meets(condition: IndexCondition, row: Record<Name, string | null>): boolean {
  switch (condition.kind) {
    case 'equals':
      return condition.values.includes(row[condition.column as Name]!);
    case 'contains':
      return row[condition.column as Name]?.includes(condition.text) ?? false;
    case 'match':
      return (
        condition.search.test(
          1,
          condition.columns.map((column) => plain([row[column as Name] ?? null])),
        )[0] === 1
      );
  }
}

function randomCondition(): IndexCondition {
  const row = pick(rows);
  const column = pick(['trace_id', 'route', 'user', 'session', 'nothing'] as const);
  const value = (row as Record<string, string | null>)[column] ?? pick(['', 'x', 'root']);
  switch (below(4)) {
    case 0:
      return { kind: 'equals', column, values: [value] };
    case 1:
      return { kind: 'equals', column, values: [value, 'x', `user-${below(2000)}`] };
    case 2:
      return {
        kind: 'contains',
        column: pick(['body', 'route', 'user']),
        text: pick(['time', '/', 'ü', 'user-4', '77']),
      };
    default:
      return match(
        pick(['timeout', '"timeout retry"', 'user-4711 -retry', 'conn*', '10.0.3.7 OR straße', 'nowhere:x timeout']),
      );
  }
}

/** Conditions of columns that an index has: it says something of those. */
async function checkAll(index: OpenIndex, seen: Set<string>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    const conditions = Array.from({ length: 1 + below(3) }, randomCondition);
    const wanted = rows.flatMap((row, n) => (conditions.every((condition) => meets(condition, row)) ? [n] : []));
    const answer = await found(index, conditions);
    if (answer === undefined) continue;
    const told = new Set(answer.rows!);
    const shown = JSON.stringify(conditions, ['kind', 'column', 'values', 'text', 'query']);
    assert.deepEqual(
      [...answer.rows!],
      [...told].sort((a, b) => a - b),
      shown,
    );
    if (answer.isExact) assert.deepEqual([...answer.rows!], wanted, shown);
    else
      assert.ok(
        wanted.every((row) => told.has(row)),
        shown,
      );
    const counted = await index.search(conditions, true, noSignal);
    assert.ok(counted !== undefined && !('missing' in counted));
    assert.deepEqual([counted.count, counted.isExact], [answer.count, answer.isExact], shown);
    assert.equal(answer.count, answer.rows!.length);
    seen.add(`${answer.by} ${answer.isExact}`);
  }
}

test(
  'an index tells no row less than those that meet all conditions, and exactly those when it says so',
  needsAddon,
  async () => {
    const seen = new Set<string>();
    await checkAll(open(await indexSearcher.open(await built('all.index'))), seen);
    assert.deepEqual([...seen].sort(), ['filter true', 'text false', 'text true', 'values false', 'values true']);
  },
);

test('without words it tells of values', needsAddon, async () => {
  const seen = new Set<string>();
  await checkAll(open(await indexSearcher.open(await built('values.index', false))), seen);
  assert.deepEqual([...seen].sort(), ['filter true', 'values false', 'values true']);
});

test('values that came to be too many have a filter, which lets hardly any other pass', needsAddon, async () => {
  const index = open(await indexSearcher.open(await built('filter.index', false)));
  const passes = async (value: string) =>
    (await found(index, [{ kind: 'equals', column: 'user', values: [value] }])) === undefined;
  for (let i = 0; i < 200; i++) assert.ok(await passes(pick(rows).user ?? 'root'));
  let others = 0;
  for (let i = 0; i < 2000; i++) others += Number(await passes(`other-${i}`));
  assert.ok(others < 60, `${others} of 2000 others pass`);
});

test('a file with holes says what it lacks, until it can answer', needsAddon, async () => {
  const path = await built('holes.index');
  const { size } = statSync(path);
  const whole = open(await indexSearcher.open(path));
  for (const conditions of [
    [match('timeout')],
    [{ kind: 'equals', column: 'trace_id', values: [rows.find(({ trace_id }) => trace_id !== null)!.trace_id!] }],
    [{ kind: 'equals', column: 'route', values: ['/b'] }, match('"timeout retry"')],
  ] satisfies IndexCondition[][]) {
    let present: IndexRange[] = [[size - endBytesOf.get(path)!, size]];
    let answer: FoundRows | undefined;
    let rounds = 0;
    for (; answer === undefined; rounds++) {
      assert.ok(rounds < 12, 'it never ends');
      const index = await indexSearcher.open(path, present);
      assert.ok(!('missing' in index), 'its end opens it');
      const told = await index.search(conditions, false, noSignal);
      if (told !== undefined && 'missing' in told) present = joined([...present, ...told.missing]);
      else answer = told;
    }
    assert.deepEqual(answer, await found(whole, conditions));
    const bytes = present.reduce((sum, [start, end]) => sum + end - start, 0);
    assert.ok(rounds > 1 && rounds < 7 && bytes < size, `${bytes} of ${size} in ${rounds} rounds`);
  }
});

test('a damaged index is told from a whole one, whatever byte is another', needsAddon, async () => {
  const path = await built('damaged.index');
  const bytes = readFileSync(path);
  const conditions = [
    [match('timeout')],
    [match('user-4711')],
    ...['route', 'user', 'session'].map((column): IndexCondition[] => [
      { kind: 'equals', column, values: ['/a', 'user-7'] },
    ]),
  ];
  const whole = open(await indexSearcher.open(path));
  const answers = await Promise.all(conditions.map((asked) => found(whole, asked)));
  let told = 0;
  for (let i = 0; i < 300; i++) {
    const changed = Buffer.from(bytes);
    changed[i < 40 ? bytes.length - 1 - i : below(bytes.length)]! ^= 1 << below(8);
    const damaged = join(folder, `damaged-${i}.index`);
    writeFileSync(damaged, changed);
    try {
      const index = open(await indexSearcher.open(damaged));
      for (const [n, asked] of conditions.entries()) assert.deepEqual(await found(index, asked), answers[n]);
    } catch (error) {
      assert.ok(isOpenWitError(error) && error.code === 'STORE_CORRUPTION', String(error));
      told++;
    }
    rmSync(damaged);
  }
  assert.ok(told > 100, `${told} of 300 damages were told`);
  for (const length of [0, 10, bytes.length >> 1, bytes.length - 1]) {
    writeFileSync(join(folder, 'cut.index'), bytes.subarray(0, length));
    await assert.rejects(indexSearcher.open(join(folder, 'cut.index')), { code: 'STORE_CORRUPTION' });
  }
  await assert.rejects(indexSearcher.open(join(folder, 'nowhere.index')), { code: 'STORE_CORRUPTION' });
});

test('an index of nothing is none', async () => {
  const build = new IndexFileBuild(join(folder, 'nothing.index'), []);
  assert.equal(await build.finish(), undefined);
});

function joined(ranges: readonly IndexRange[]): IndexRange[] {
  const all: [number, number][] = [];
  for (const [start, end] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else all.push([start, end]);
  }
  return all;
}
