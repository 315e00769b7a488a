import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBConnection } from '@duckdb/node-api';
import { hasCode } from '@openwit/ports/testing';
import { bytesIn, without } from '../byte-spans.ts';
import { CHUNK, FILE, GROUP, META } from './metadata-fields.ts';
import { footerSpan, parquetLayout, spansOf } from './parquet-layout.ts';
import { readThrift, structList, structsIn, type ThriftStruct, withFields, writeThrift } from './thrift.ts';

const parquet = await file(
  `SELECT i AS "A.b", i % 7 AS few, {'x': i, 'y': [i, i]} AS pair FROM range(5000) t(i)`,
  'row_group_size 2048',
);
const footer = footerSpan(parquet.subarray(-8), parquet.length);
const metadata = parquet.subarray(footer.start);

test('a column is all leaves below its name, whatever its letters and dots', () => {
  const layout = parquetLayout(metadata, footer);
  assert.deepEqual([...layout.columns.keys()], ['a.b', 'few', 'pair']);
  const own = spansOf(layout, ['A.B', 'a.b', 'nowhere']);
  assert.equal(own.length, 1 + 3, 'three row groups, and no byte twice');
  const [, first, second] = own as [typeof footer, typeof footer, typeof footer];
  const { rowEnds } = layout;
  assert.equal(rowEnds.length, 3);
  assert.deepEqual(spansOf(layout, ['a.b'], Uint32Array.of(0, rowEnds[0]! - 1)), [footer, first]);
  assert.deepEqual(spansOf(layout, ['a.b'], Uint32Array.of(0, rowEnds[0]!)), [footer, first, second]);
  assert.deepEqual(spansOf(layout, []), [footer]);
  const all = spansOf(layout, 'all');
  assert.equal(bytesIn(without([{ start: 4, end: parquet.length }], all)), 0, 'all columns are all of the file');
});

test('bloom filters belong to their column, also when their length is not told', () => {
  const { struct } = readThrift(metadata);
  const filters = metas(struct).filter((meta) => meta.fields[META.bloom] !== undefined);
  assert.ok(filters.length > 0);
  const withLengths = parquetLayout(metadata, footer);
  const short = parquetLayout(
    rewritten(struct, (meta) => withFields(meta, { [META.bloomBytes]: undefined })),
    footer,
  );
  for (const name of withLengths.columns.keys()) {
    const missing = without(withLengths.columns.get(name)!.flat(), short.columns.get(name)!.flat());
    assert.deepEqual(
      missing.filter(({ end }) => end <= footer.start - 256),
      [],
      name,
    );
  }
});

test('what no Parquet file of one piece can have is refused', () => {
  const refused = (tail: Uint8Array, size: number) =>
    assert.throws(() => footerSpan(tail, size), hasCode('STORE_CORRUPTION'));
  refused(Buffer.from('\0\0\0\0PARE'), 100);
  refused(Buffer.from('PAR1'), 4);
  refused(Buffer.from([0xff, 0xff, 0, 0, 0x50, 0x41, 0x52, 0x31]), 100);
  refused(Buffer.from([0, 0, 0, 0x10, 0x50, 0x41, 0x52, 0x31]), 2 ** 40);
  const { struct } = readThrift(metadata);
  const at = (value: number | undefined) => (meta: ThriftStruct) =>
    withFields(meta, { [META.dataPage]: value === undefined ? value : { type: 'i64', value } });
  for (const change of [at(parquet.length), at(1), at(-5), at(undefined)]) {
    const changed = rewritten(struct, (meta) => change(withFields(meta, { [META.dictionaryPage]: undefined })));
    assert.throws(() => parquetLayout(changed, footer), hasCode('STORE_CORRUPTION'));
  }
});

async function file(query: string, options: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'openwit-layout-'));
  const path = join(folder, 'file.parquet');
  const duckdb = await DuckDBConnection.create();
  await duckdb.run(`COPY (${query}) TO '${path}' (FORMAT parquet, ${options})`);
  duckdb.closeSync();
  const bytes = readFileSync(path);
  rmSync(folder, { recursive: true });
  return bytes;
}

function chunksOf(struct: ThriftStruct): ThriftStruct[] {
  return structsIn(struct, FILE.rowGroups).flatMap((group) => structsIn(group, GROUP.columns));
}

function metas(struct: ThriftStruct): ThriftStruct[] {
  return chunksOf(struct).map((chunk) => chunk.fields[CHUNK.meta] as ThriftStruct);
}

/** The metadata with each chunk's changed, and the length and magic behind it. */
function rewritten(struct: ThriftStruct, change: (meta: ThriftStruct) => ThriftStruct): Uint8Array {
  const groups = structsIn(struct, FILE.rowGroups).map((group) => {
    const chunks = structsIn(group, GROUP.columns).map((chunk) =>
      withFields(chunk, { [CHUNK.meta]: change(chunk.fields[CHUNK.meta] as ThriftStruct) }),
    );
    return withFields(group, { [GROUP.columns]: structList(chunks) });
  });
  return Buffer.concat([writeThrift(withFields(struct, { [FILE.rowGroups]: structList(groups) })), new Uint8Array(8)]);
}
