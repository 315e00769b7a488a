import { type Clock, type FileSystem, type SealedBatch, TABLES } from '@openwit/ports';
import { columnsOf } from '@openwit/ports/arrow';
import { batchOf, DrivenClock } from '@openwit/ports/testing';
import { SqliteCatalog } from '../catalog/sqlite-catalog.ts';
import type { FileMerger } from '../compaction/file-merger.ts';
import { unfinishedName } from '../file-paths.ts';
import { textsOf } from '../parquet/attribute-census.ts';
import type { ParquetWriters } from '../parquet/parquet-writers.ts';

/** For tests of the store: files that hold the bodies of their logs as JSON. */
export const fakeWriters: Pick<ParquetWriters, 'encode' | 'giveBack' | 'close'> = {
  encode: async ({ rows, columns }) => {
    const bodies = textsOf({ ...columns[BODY]!, length: rows });
    const bytes = Uint8Array.from(Buffer.from(JSON.stringify(bodies)));
    return {
      parts: [bytes],
      sizeBytes: bytes.length,
      footerBytes: 0,
      newColumns: [],
      attributeColumnIds: [],
      emptyColumns: [],
      columnStats: [],
      minTimestampNs: TIME,
      maxTimestampNs: TIME,
    };
  },
  giveBack: () => {},
  close: async () => {},
};

/** Merges files of {@link fakeWriters}: all rows go to the first output, sorted. */
export function fakeMerger(fileSystem: FileSystem): Pick<FileMerger, 'merge' | 'close'> {
  return {
    merge: async ({ inputs, outputs: [output] }) => {
      const bodies = (await Promise.all(inputs.map(({ path }) => rowsOfFile(fileSystem, path)))).flat().sort();
      const path = unfinishedName(output!.path);
      await fileSystem.remove(path);
      const file = await fileSystem.open(path, 'create');
      const bytes = Buffer.from(JSON.stringify(bodies));
      await file.write([bytes], 0);
      await file.close();
      const times = { minTimestampNs: TIME, maxTimestampNs: TIME };
      const nothing = { footerBytes: 0, attributeColumnIds: [], emptyColumns: [], columnStats: [] };
      return [{ path: output!.path, rows: bodies.length, sizeBytes: bytes.length, ...times, ...nothing }];
    },
    close: async () => {},
  };
}

const TIME = 1_800_000_000_000_000_000n;
const BODY = TABLES.logs.findIndex(({ name }) => name === 'body');

export async function rowsOfFile(fileSystem: FileSystem, path: string): Promise<string[]> {
  const file = await fileSystem.open(path, 'read');
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return JSON.parse(bytes.toString()) as string[];
}

/** Logs whose bodies are `batch/row`. */
export function sealedLogs(batchId: number, rows: number): SealedBatch {
  const bodies = Array.from({ length: rows }, (_, i) => `${batchId}/${i}`);
  return sealed(batchId, 10 * batchId, bodies);
}

export function sealed(batchId: number, throughLsn: number, bodies: readonly string[]): SealedBatch {
  const batch = batchOf(
    'logs',
    bodies.map((body) => ({ timestamp: TIME, body })),
  );
  const range = { batchId, throughLsn };
  return { tenant: 'acme', table: 'logs', batch, byteLength: 1000, range, sources: [], release: () => {} };
}

export function bodiesOf({ batch }: Pick<SealedBatch, 'batch'>): string[] {
  return textsOf({ ...columnsOf(batch)[BODY]!, length: batch.numRows });
}

/** A catalog in memory: durable as far as a store in the same test can tell. */
export function openCatalog(clock: Clock = new DrivenClock()): Promise<SqliteCatalog> {
  return SqliteCatalog.open({ clock }, { path: ':memory:', dataPath: '/data' });
}
