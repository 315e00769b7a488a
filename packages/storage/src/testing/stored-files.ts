import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttributeColumn, DataFile, TableName } from '@openwit/ports';
import { columnsOf } from '@openwit/ports/arrow';
import { batchOf, type PlainRow } from '@openwit/ports/testing';
import { mergeFiles } from '../compaction/merge-files.ts';
import type { MergeSettings } from '../compaction/merge-request.ts';
import { unfinishedName } from '../file-paths.ts';
import { encodeBatch } from '../parquet/encode-batch.ts';
import type { ParquetCompression } from '../parquet/encode-protocol.ts';
import { Scratch } from '../parquet/scratch.ts';
import { storedColumns, withChildren } from '../parquet/stored-layout.ts';
import { BatchWriter } from '../parquet/write-parquet.ts';

const ALL_TIME = { fromNs: 0n, toNs: 2n ** 63n };
const MEMORY_BYTES = 128 * 1024 * 1024;

/** Files of one table as the store's two writers make them, with what the catalog tells of them. */
export class StoredFiles {
  readonly table: TableName;
  readonly folder: string = mkdtempSync(join(tmpdir(), 'openwit-stored-'));
  attributeColumns: AttributeColumn[] = [];
  readonly #fieldIds: Map<string, number>;
  #nextId = 1;

  constructor(table: TableName) {
    this.table = table;
    this.#fieldIds = new Map([...withChildren(storedColumns(table))].map(({ path }, i) => [path, i + 1]));
  }

  /** What a batch becomes. */
  active(rows: readonly PlainRow[], compression: ParquetCompression = 'lz4'): DataFile {
    const encoded = encodeBatch(
      {
        table: this.table,
        rows: rows.length,
        columns: columnsOf(batchOf(this.table, rows)),
        fieldIds: this.#fieldIds,
        attributeColumns: this.attributeColumns,
        nextFieldId: 1000 + this.attributeColumns.length,
        settings: { minShare: 0.1, maxPerTable: 200 },
      },
      new Scratch(),
    );
    this.attributeColumns = [...this.attributeColumns, ...encoded.newColumns];
    const path = this.#path();
    writeFileSync(path, Buffer.concat(new BatchWriter().toParquet(encoded, compression).parts));
    const { attributeColumnIds, emptyColumns, minTimestampNs, maxTimestampNs } = encoded;
    const facts = { rows: rows.length, attributeColumnIds, emptyColumns, minTimestampNs, maxTimestampNs };
    return this.#file(path, 0, facts);
  }

  /** What compaction makes of some files. */
  async merged(inputs: readonly DataFile[], settings: Partial<MergeSettings> = {}): Promise<DataFile> {
    const path = this.#path();
    const [file] = await mergeFiles(
      {
        table: this.table,
        inputs,
        outputs: [{ ...ALL_TIME, path }],
        fieldIds: this.#fieldIds,
        attributeColumns: this.attributeColumns,
        minShare: 0.1,
      },
      { tempDir: join(this.folder, 'tmp'), memoryLimitBytes: MEMORY_BYTES, ...settings },
      () => false,
    );
    renameSync(unfinishedName(path), path);
    return this.#file(path, 1, file!);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #path(): string {
    return join(this.folder, `${this.#nextId++}.parquet`);
  }

  #file(
    path: string,
    generation: number,
    facts: Pick<DataFile, 'rows' | 'attributeColumnIds' | 'emptyColumns' | 'minTimestampNs' | 'maxTimestampNs'>,
  ): DataFile {
    const { rows, attributeColumnIds, emptyColumns, minTimestampNs, maxTimestampNs } = facts;
    return {
      fileId: this.#nextId,
      path,
      tier: 'hot',
      generation,
      rows,
      sizeBytes: statSync(path).size,
      minTimestampNs,
      maxTimestampNs,
      attributeColumnIds,
      emptyColumns,
    };
  }
}
