import { join } from 'node:path';
import {
  type AttributeColumn,
  type Catalog,
  type CatalogTable,
  type DataFile,
  type FileSystem,
  isOpenWitError,
  type NewDataFile,
  type SealedBatch,
} from '@openwit/ports';
import { columnsOf } from '@openwit/ports/arrow';
import { writeDurableFile } from './durable-file.ts';
import { activeFileName, dayFolder } from './file-paths.ts';
import type { AttributeColumnSettings } from './parquet/attribute-columns.ts';
import type { EncodedFile } from './parquet/encode-protocol.ts';
import type { ParquetWriters } from './parquet/parquet-writers.ts';

export interface FlushContext {
  readonly catalog: Catalog;
  readonly fileSystem: FileSystem;
  readonly writers: Pick<ParquetWriters, 'encode' | 'giveBack'>;
  readonly dataPath: string;
  readonly nodeId: string;
  readonly attributeColumnsOf: (tenant: string) => AttributeColumnSettings;
}

/** What a table gained by a batch. */
export interface Flushed {
  readonly files: readonly DataFile[];
  readonly attributeColumns: readonly AttributeColumn[];
}

/**
 * A batch on its way into a committed file. An attempt that fails can be made again: it goes on behind the steps that
 * were done. No other batch of the table may be on its way meanwhile, since both could take the same new field ids.
 */
export class BatchFlush {
  readonly #context: FlushContext;
  readonly #sealed: SealedBatch;
  #encoded: { readonly table: CatalogTable; readonly file: EncodedFile } | undefined;
  #written: NewDataFile | undefined;

  constructor(context: FlushContext, sealed: SealedBatch) {
    this.#context = context;
    this.#sealed = sealed;
  }

  async attempt(): Promise<Flushed> {
    const { table, file } = (this.#encoded ??= await this.#encode());
    this.#written ??= await this.#write(file);
    return this.#commit(table, file, this.#written);
  }

  async #encode(): Promise<{ table: CatalogTable; file: EncodedFile }> {
    const { tenant, table, batch } = this.#sealed;
    const { catalog, writers, attributeColumnsOf } = this.#context;
    const settings = attributeColumnsOf(tenant);
    const known = await catalog.openTable(tenant, table);
    const { fieldIds, attributeColumns, nextFieldId } = known;
    const request = { table, rows: batch.numRows, columns: columnsOf(batch), settings };
    return { table: known, file: await writers.encode({ ...request, fieldIds, attributeColumns, nextFieldId }) };
  }

  async #write(file: EncodedFile): Promise<NewDataFile> {
    const { dataPath, nodeId, fileSystem, writers } = this.#context;
    const folder = join(dataPath, dayFolder(this.#sealed, file.minTimestampNs, nodeId));
    const path = join(folder, activeFileName(this.#sealed));
    await writeDurableFile(fileSystem, path, file.parts);
    const { parts, newColumns: _, ...known } = file;
    writers.giveBack({ parts });
    const made = { tier: 'hot', generation: 0 } as const;
    return { path, rows: this.#sealed.batch.numRows, ...made, ...known };
  }

  async #commit(known: CatalogTable, { newColumns }: EncodedFile, file: NewDataFile): Promise<Flushed> {
    const { tenant, table, range, sources } = this.#sealed;
    const { catalog } = this.#context;
    const commit = { tenant, table, files: [file], replaces: [], newColumns, ranges: [range], sources };
    const files = await catalog.commit(commit).catch((error: unknown) => {
      // The table has changed under the file's column ids: the next attempt encodes it anew.
      if (isOpenWitError(error) && error.code === 'CATALOG_CONFLICT') this.#encoded = this.#written = undefined;
      throw error;
    });
    if (files.length > 0) return { files, attributeColumns: [...known.attributeColumns, ...newColumns] };
    // An earlier attempt had succeeded without our hearing of it.
    const { attributeColumns } = await catalog.openTable(tenant, table);
    return { files: (await catalog.files(tenant, table)).filter(({ path }) => path === file.path), attributeColumns };
  }
}
