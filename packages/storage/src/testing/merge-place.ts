import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { DuckDBConnection, type DuckDBValue } from '@duckdb/node-api';
import type { AttributeColumn, TableName } from '@openwit/ports';
import { columnsOf } from '@openwit/ports/arrow';
import { batchOf, type PlainRow } from '@openwit/ports/testing';
import { mergeByLeaves } from '../compaction/merge-by-leaves.ts';
import { mergeFiles } from '../compaction/merge-files.ts';
import type { MergedFile, MergeInput, MergeOutput, MergeRequest, MergeSettings } from '../compaction/merge-request.ts';
import { unfinishedName } from '../file-paths.ts';
import { encodeBatch } from '../parquet/encode-batch.ts';
import type { ParquetCompression } from '../parquet/encode-protocol.ts';
import { Scratch } from '../parquet/scratch.ts';
import { SORT_COLUMNS } from '../parquet/sort-order.ts';
import { storedColumns, withChildren } from '../parquet/stored-layout.ts';
import { BatchWriter } from '../parquet/write-parquet.ts';
import { exactNumbers, inOrder, storedRow } from './stored-rows.ts';

export const MIB: number = 1024 * 1024;
export const ALL_TIME: OutputTime = { fromNs: 0n, toNs: 2n ** 63n };

export type OutputTime = Omit<MergeOutput, 'path'>;

/** DuckDB's answer, a row by its columns' names. */
export type Answer = Record<string, DuckDBValue>;

let duckdb: DuckDBConnection;
before(async () => void (duckdb = await DuckDBConnection.create()));
after(() => duckdb.closeSync());

/** Files of one table, as batches became them, and their merge. */
export class Place {
  readonly table: TableName;
  readonly #compression: ParquetCompression;
  readonly folder: string = mkdtempSync(join(tmpdir(), 'openwit merge [it]s-'));
  readonly inputs: MergeInput[] = [];
  readonly #rows: PlainRow[] = [];
  readonly #fieldIds: Map<string, number>;
  #columns: AttributeColumn[] = [];
  #nextInput = 0;

  constructor(table: TableName, compression: ParquetCompression = 'none') {
    this.table = table;
    this.#compression = compression;
    this.#fieldIds = new Map([...withChildren(storedColumns(table))].map(({ path }, i) => [path, i + 1]));
  }

  add(rows: readonly PlainRow[], compression = this.#compression): void {
    const encoded = encodeBatch(
      {
        table: this.table,
        rows: rows.length,
        columns: columnsOf(batchOf(this.table, rows)),
        fieldIds: this.#fieldIds,
        attributeColumns: this.#columns,
        nextFieldId: 1000 + this.#columns.length,
        settings: { minShare: 0.1, maxPerTable: 200 },
      },
      new Scratch(),
    );
    this.#columns = [...this.#columns, ...encoded.newColumns];
    this.#rows.push(...rows);
    const path = this.#inputPath();
    writeFileSync(path, Buffer.concat(new BatchWriter().toParquet(encoded, compression).parts));
    const { attributeColumnIds, emptyColumns } = encoded;
    this.inputs.push({ path, rows: rows.length, attributeColumnIds, emptyColumns });
  }

  /** Puts a merged file in the place of what it was made of. */
  replaceInputs(file: MergedFile): void {
    const path = this.#inputPath();
    renameSync(file.path, path);
    this.inputs.splice(0, this.inputs.length, { ...file, path });
  }

  output(i: number): string {
    return join(this.folder, 'out', `merged-${i}.parquet`);
  }

  metadata({ path }: Pick<MergedFile, 'path'>): string {
    return `parquet_metadata(${pattern(path)})`;
  }

  async merge(
    times: readonly OutputTime[],
    limits: Partial<MergeSettings> = {},
    isStopped: () => boolean = () => false,
  ): Promise<MergedFile[]> {
    return finished(await mergeFiles(this.#request(times), this.#settings(limits), isStopped));
  }

  /** @returns undefined when the inputs are left to SQL */
  async mergeByLeaves(
    times: readonly OutputTime[],
    limits: Partial<MergeSettings> = {},
    isStopped: () => boolean = () => false,
  ): Promise<MergedFile[] | undefined> {
    const files = await mergeByLeaves(this.#request(times), this.#settings(limits), isStopped);
    return files && finished(files);
  }

  /** All rows by their leaves, as one file. */
  async mergedByLeaves(limits: Partial<MergeSettings> = {}): Promise<MergedFile> {
    const files = await this.mergeByLeaves([ALL_TIME], limits);
    assert.equal(files?.length, 1, 'it is merged by leaves');
    return files[0]!;
  }

  /** The rows of each row group of a file, in order. */
  async groupRows(file: Pick<MergedFile, 'path'>): Promise<number[]> {
    const groups = await this.query(
      `SELECT row_group_id, any_value(row_group_num_rows) AS rows FROM ${this.metadata(file)} GROUP BY 1 ORDER BY 1`,
    );
    return groups.map(({ rows }) => Number(rows));
  }

  keysOf({ attributeColumnIds }: MergedFile, map: string): string[] {
    return this.#columnsOf(attributeColumnIds)
      .filter((column) => column.map === map)
      .map(({ key }) => key)
      .sort();
  }

  /** The file holds these rows, and what is told of it is true. */
  async check(file: MergedFile, rows: readonly PlainRow[] = this.#rows): Promise<void> {
    const columns = this.#columnsOf(file.attributeColumnIds);
    const read = (await this.query(`SELECT to_json(t)::VARCHAR AS row FROM ${pattern(file.path)} t`)).map(
      ({ row }) => JSON.parse(row as string, exactNumbers as never) as Record<string, unknown>,
    );
    const expected = inOrder(this.table, rows).map((row) => storedRow(this.table, row, columns));
    const keys = (list: readonly Record<string, unknown>[]) =>
      list.map((row) => SORT_COLUMNS[this.table].map((name) => row[name]));
    assert.deepEqual(keys(read), keys(expected), 'the order');
    assert.deepEqual(read.map(canonical).sort(), expected.map(canonical).sort());
    assert.equal(file.rows, rows.length);
    for (const name of file.emptyColumns) {
      assert.ok(
        read.every((row) => Object.keys(row[name] as object).length === 0),
        `${name} is not empty`,
      );
    }
    const [earliest, ...later] = rows.map(({ timestamp }) => timestamp as bigint).sort((a, b) => Number(a - b));
    const latest = later.at(-1) ?? earliest;
    assert.equal(file.minTimestampNs, earliest);
    assert.equal(file.maxTimestampNs, latest);
    await this.#checkStats(file);
  }

  async #checkStats(file: MergedFile): Promise<void> {
    const schema = await this.query(
      `SELECT name, field_id FROM parquet_schema(${pattern(file.path)}) WHERE field_id IS NOT NULL`,
    );
    const ids = schema.map(({ field_id }) => field_id);
    assert.equal(new Set(ids).size, ids.length, 'every column has a field id of its own');
    const nameOf = new Map(schema.map(({ name, field_id }) => [Number(field_id), String(name)]));
    const texts = new Set([...storedTexts(this.table), ...this.#attributeTexts()]);
    const columnOf = (fieldId: number) => `"${nameOf.get(fieldId)!.replaceAll('"', '""')}"`;
    const bound = (text: string | undefined) => (text === undefined ? 'NULL' : `'${text.replaceAll("'", "''")}'`);
    const asked = file.columnStats.flatMap(({ fieldId, min, max }) => {
      const column = columnOf(fieldId);
      return [
        `count(${column}) AS count_${fieldId}`,
        `coalesce(min(${column}) >= ${bound(min)}, true) AS low_${fieldId}`,
        `coalesce(max(${column}) <= ${bound(max)}, true) AS high_${fieldId}`,
      ];
    });
    const [truth] = await this.query(`SELECT ${asked.join(', ')} FROM ${pattern(file.path)}`);
    for (const { fieldId, valueCount, nullCount, min, max } of file.columnStats) {
      const column = columnOf(fieldId);
      assert.equal(Number(truth![`count_${fieldId}`]), valueCount, column);
      assert.equal(file.rows - valueCount, nullCount, column);
      assert.ok(truth![`low_${fieldId}`] && truth![`high_${fieldId}`], `${column} ${min} ${max}`);
      assert.ok(valueCount === 0 || min !== undefined || texts.has(column), `${column} has bounds`);
    }
  }

  #attributeTexts(): string[] {
    return this.#columns.filter(({ type }) => type === 'text').map(({ name }) => `"${name}"`);
  }

  #columnsOf(ids: readonly number[]): AttributeColumn[] {
    return this.#columns.filter(({ fieldId }) => ids.includes(fieldId));
  }

  #inputPath(): string {
    return join(this.folder, `input-${this.#nextInput++}.parquet`);
  }

  #request(times: readonly OutputTime[]): MergeRequest {
    return {
      table: this.table,
      inputs: this.inputs,
      outputs: times.map((time, i) => ({ ...time, path: this.output(i) })),
      fieldIds: this.#fieldIds,
      attributeColumns: this.#columns,
      minShare: 0.1,
    };
  }

  #settings(limits: Partial<MergeSettings>): MergeSettings {
    return { tempDir: join(this.folder, 'tmp'), memoryLimitBytes: 128 * MIB, ...limits };
  }

  async query(sql: string): Promise<Answer[]> {
    return (await duckdb.runAndReadAll(sql)).getRowObjects();
  }

  /** Rows as lists. */
  async queryRows(sql: string): Promise<DuckDBValue[][]> {
    return (await duckdb.runAndReadAll(sql)).getRows();
  }
}

/** The path in SQL, as DuckDB's pattern of this one file. */
export function pattern(path: string): string {
  return `'${path.replaceAll('[', '[[]')}'`;
}

function finished(files: MergedFile[]): MergedFile[] {
  for (const { path } of files) renameSync(unfinishedName(path), path);
  return files;
}

/** The columns whose long values may have no bounds. */
function storedTexts(table: TableName): string[] {
  return storedColumns(table)
    .filter(({ type }) => type === 'varchar')
    .map(({ name }) => `"${name}"`);
}

/** Equal for rows that differ in the order of their names alone. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
