import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { type ByteRange, type FoundRows, IndexReader, IndexWriter, type Query, TantivyError } from './index.ts';
import { columnOf } from './testing/columns.ts';
import { randomOf, text } from './testing/generate.ts';
import { needsAddon } from './testing/needs-addon.ts';

const ROWS = 30_000;
const folder = mkdtempSync(join(tmpdir(), 'openwit-tantivy-'));
const path = join(folder, 'lines.index');
const QUERIES: Query[] = [
  { kind: 'text', field: 'body', text: 'deadlock' },
  { kind: 'text', field: 'body', text: 'connection timeout' },
  { kind: 'text', field: 'body', text: 'needle4711' },
  { kind: 'wildcard', field: 'body', pattern: '*lock' },
];
let answers: FoundRows[];

before(async () => {
  if (needsAddon.skip !== false) return;
  const random = randomOf(9);
  const lines = Array.from({ length: ROWS }, (_, i) => `${text(random)} ${i === 777 ? 'needle4711' : ''}`);
  const writer = new IndexWriter(path, { fields: [{ name: 'body', analyser: 'log' }], segmentRows: 12_000 });
  await writer.add(ROWS, [columnOf(lines)]);
  assert.equal((await writer.finish()).bytes, statSync(path).size);
  const reader = await IndexReader.open(path);
  assert.equal(reader.rows, ROWS);
  answers = await Promise.all(QUERIES.map((query) => reader.search(query)));
  assert.deepEqual([...answers[2]!.check], [777]);
});
after(() => rmSync(folder, { recursive: true }));

test('a byte that is damaged is an error or changes nothing', needsAddon, async () => {
  const whole = readFileSync(path);
  const random = randomOf(3);
  const damaged = join(folder, 'damaged.index');
  let errors = 0;
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(whole);
    bytes[Math.floor(random() * bytes.length)]! ^= 1 << Math.floor(random() * 8);
    writeFileSync(damaged, bytes);
    try {
      const reader = await IndexReader.open(damaged);
      for (const [q, query] of QUERIES.entries()) assert.deepEqual(await reader.search(query), answers[q]);
    } catch (error) {
      assert.ok(error instanceof TantivyError && error.code === 'damaged', String(error));
      errors++;
    }
  }
  assert.ok(errors > 30, `errors=${errors}`);
});

test('a file that is cut short, empty or something else is damaged', needsAddon, async () => {
  const whole = readFileSync(path);
  const cut = join(folder, 'cut.index');
  for (const bytes of [
    whole.subarray(0, whole.length - 1),
    whole.subarray(1),
    Buffer.alloc(0),
    Buffer.alloc(100_000, 7),
  ]) {
    writeFileSync(cut, bytes);
    await assert.rejects(IndexReader.open(cut), { code: 'damaged' });
  }
  await assert.rejects(IndexReader.open(join(folder, 'nowhere')), { code: 'io' });
});

test('a file with holes tells what a search needs, which is little of it', needsAddon, async () => {
  const { size } = statSync(path);
  const sparse = join(folder, 'sparse.index');
  for (const [q, query] of QUERIES.entries()) {
    copyFileSync(path, sparse);
    const bytes = Buffer.alloc(size, 0xee);
    let present: ByteRange[] = [];
    for (let rounds = 0; ; rounds++) {
      assert.ok(rounds < 6, 'it asks in a few rounds');
      writeFileSync(sparse, bytes);
      try {
        const reader = await IndexReader.open(sparse, { present });
        assert.deepEqual(await reader.search(query), answers[q]);
        break;
      } catch (error) {
        assert.ok(error instanceof TantivyError && error.code === 'missing', String(error));
        for (const [start, end] of error.ranges) readFileSync(path).copy(bytes, start, start, end);
        present = joined([...present, ...error.ranges]);
      }
    }
    const read = present.reduce((sum, [start, end]) => sum + end - start, 0);
    assert.ok(read < size, `read=${read} size=${size}`);
    if (q === 2) assert.ok(read < size / 4, `an identifier: read=${read} size=${size}`);
  }
});

test('a file that is wrong with right checksums is an error at worst, and the process lives', needsAddon, async () => {
  const whole = readFileSync(path);
  const hotAt = Number(whole.readBigUInt64LE(whole.length - 20));
  const random = randomOf(6);
  const forged = join(folder, 'forged.index');
  const codes = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const bytes = Buffer.from(whole);
    for (let k = 0; k < 20; k++) bytes[hotAt + Math.floor(random() * 60_000)]! = Math.floor(random() * 256);
    bytes.writeUInt32LE(crc32(bytes.subarray(hotAt, -12)), bytes.length - 12);
    writeFileSync(forged, bytes);
    try {
      const reader = await IndexReader.open(forged);
      for (const query of QUERIES) await reader.search(query);
    } catch (error) {
      assert.ok(error instanceof TantivyError, String(error));
      codes.add(error.code);
      if (error.message.startsWith('panic in native code')) codes.add('panic');
    }
  }
  assert.ok(codes.has('panic'), [...codes].join());
  const reader = await IndexReader.open(path);
  assert.deepEqual(await reader.search(QUERIES[0]!), answers[0]);
});

test('what asks too much is refused, and the next search goes on', needsAddon, async () => {
  const reader = await IndexReader.open(path);
  const refused = (query: Query, code: string) => assert.rejects(reader.search(query), { code });
  await refused({ kind: 'regex', field: 'body', pattern: '(?:(?:a{1,100}){1,100}){1,100}' }, 'limit');
  await refused({ kind: 'regex', field: 'body', pattern: 'a'.repeat(2000) }, 'limit');
  await refused({ kind: 'wildcard', field: 'body', pattern: '*a?'.repeat(500) }, 'limit');
  await refused({ kind: 'regex', field: 'body', pattern: '(' }, 'invalid');
  await refused({ kind: 'fuzzy', field: 'body', text: 'lock', distance: 3 }, 'invalid');
  await refused({ kind: 'text', field: 'body', text: '---' }, 'invalid');
  await refused({ kind: 'and', children: [] }, 'invalid');
  await refused({ kind: 'nothing' } as unknown as Query, 'invalid');
  let deep: Query = QUERIES[0]!;
  for (let i = 0; i < 10_000; i++) deep = { kind: 'not', child: deep };
  await refused(deep, 'invalid');
  assert.deepEqual(await reader.search(QUERIES[0]!), answers[0]);
});

test('a search that nobody waits for ends with the reason of its signal', needsAddon, async () => {
  const reader = await IndexReader.open(path);
  const reason = new Error('enough');
  await assert.rejects(reader.search(QUERIES[3]!, AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const many = { kind: 'or', children: Array.from({ length: 3000 }, () => QUERIES[3]!) } as const;
  const searched = reader.search(many, controller.signal);
  controller.abort(reason);
  await assert.rejects(searched, reason);
});

test('columns that contradict themselves are refused, and cost nothing', needsAddon, async () => {
  const other = join(folder, 'other.index');
  const writer = new IndexWriter(other, { fields: [{ name: 'body', analyser: 'log' }] });
  const { data, offsets } = columnOf(['one', 'two']);
  await writer.add(2, [columnOf(['one', 'two'])]);
  await assert.rejects(writer.add(3, [{ data, offsets }]), { code: 'invalid' });
  await assert.rejects(writer.add(2, [{ data, offsets: Int32Array.of(0, 3, 9) }]), { code: 'invalid' });
  await assert.rejects(writer.add(2, [{ data, offsets: Int32Array.of(0, 5, 3) }]), { code: 'invalid' });
  await assert.rejects(writer.add(1, [{ data: Buffer.of(0xff), offsets: Int32Array.of(0, 1) }]), { code: 'invalid' });
  await assert.rejects(writer.add(2, [{ data: Buffer.from('éa'), offsets: Int32Array.of(0, 1, 3) }]), {
    code: 'invalid',
  });
  await writer.finish();
  await assert.rejects(writer.finish(), { code: 'invalid' });
  assert.equal((await IndexReader.open(other)).rows, 2);
});

test('something else may follow the index in its file', needsAddon, async () => {
  const followed = join(folder, 'followed.index');
  const index = readFileSync(path);
  writeFileSync(followed, Buffer.concat([index, Buffer.from('something else')]));
  const reader = await IndexReader.open(followed, { length: index.length });
  assert.deepEqual(await reader.search(QUERIES[0]!), answers[0]);
  await assert.rejects(IndexReader.open(followed, { length: index.length + 100 }), { code: 'damaged' });
});

test('an index of no rows finds nothing', needsAddon, async () => {
  const empty = join(folder, 'empty.index');
  await new IndexWriter(empty, { fields: [{ name: 'body', analyser: 'log' }] }).finish();
  const reader = await IndexReader.open(empty);
  assert.equal(reader.rows, 0);
  assert.deepEqual(await reader.search(QUERIES[0]!), { sure: new Uint32Array(0), check: new Uint32Array(0) });
});

function joined(ranges: readonly ByteRange[]): ByteRange[] {
  const all: [number, number][] = [];
  for (const [start, end] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = all.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else all.push([start, end]);
  }
  return all;
}
