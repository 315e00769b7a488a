import { link, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OpenWit } from '@openwit/core';
import { type FileColumnStats, type NewDataFile, systemClock } from '@openwit/ports';
import { SqliteCatalog } from '@openwit/storage';
import { otlpJsonToProtobuf } from '@openwit/transport';

/** Of the first file's hour. */
export const START_NS = 1_779_998_400_000_000_000n;
export const HOUR_NS = 3600n * 1_000_000_000n;

export interface ManyFiles {
  readonly dataDir: string;
  readonly attributeColumns: number;
  /** One more like those that are in the files. */
  readonly request: Uint8Array;
}

const HOURS = 200;
const ROWS = 20;
const KEYS = 200;
const KEYS_OF_A_FILE = 25;

/** A data folder with so many files of spans: one of each hour is written by a node, the others are links to it. */
export async function makeManyFiles(files: number): Promise<ManyFiles> {
  const dataDir = await mkdtemp(join(tmpdir(), 'openwit-bench-'));
  const storage = { compaction: { minFiles: 2 ** 31, quietMs: 2 ** 31 - 1 } };
  const wit = await OpenWit.open({ dataDir, storage });
  for (let hour = 0; hour < HOURS; hour++) {
    await wit.ingest({ tenant: 'default', signal: 'traces', payload: request(hour) });
    await wit.flush();
  }
  await wit.close();
  const path = join(dataDir, 'catalog.sqlite');
  const catalog = await SqliteCatalog.open({ clock: systemClock }, { path, dataPath: join(dataDir, 'parquet') });
  const written = await catalog.files('default', 'traces');
  for (const file of written) {
    const more: NewDataFile[] = [];
    const kept = keptOf(path, file.fileId);
    for (let i = 1; i < files / HOURS; i++) {
      const copy = join(dirname(file.path), `copy-${i}-of-${file.fileId}.parquet`);
      await link(file.path, copy);
      const { fileId: _, ...own } = file;
      more.push({ ...own, ...kept, path: copy });
    }
    await catalog.commit({
      tenant: 'default',
      table: 'traces',
      files: more,
      replaces: [],
      newColumns: [],
      ranges: [],
      sources: [],
    });
  }
  const { attributeColumns } = await catalog.openTable('default', 'traces');
  await catalog.close();
  return { dataDir, attributeColumns: attributeColumns.length, request: request(0) };
}

/** What the catalog's port does not tell of a file. */
function keptOf(catalog: string, fileId: number): Pick<NewDataFile, 'footerBytes' | 'columnStats'> {
  const database = new DatabaseSync(catalog, { readOnly: true });
  const file = database.prepare('SELECT footer_size FROM ducklake_data_file WHERE data_file_id = ?').get(fileId);
  const stats = database
    .prepare('SELECT * FROM ducklake_file_column_stats WHERE data_file_id = ?')
    .all(fileId) as Record<string, string | number | null>[];
  database.close();
  const columnStats = stats.map((row) => {
    const { min_value: min, max_value: max } = row as Record<string, string | null>;
    const counts = { valueCount: Number(row.value_count), nullCount: Number(row.null_count) };
    const column: FileColumnStats = { fieldId: Number(row.column_id), ...counts };
    return { ...column, ...(min !== null && { min: min! }), ...(max !== null && { max: max! }) };
  });
  return { footerBytes: Number(file!.footer_size), columnStats };
}

function request(hour: number): Uint8Array {
  const spans = Array.from({ length: ROWS }, (_, i) => {
    const at = START_NS + BigInt(hour) * HOUR_NS + (BigInt(i) * HOUR_NS) / BigInt(ROWS);
    return {
      traceId: String(hour).padStart(32, '0'),
      spanId: String(i + 1).padStart(16, '0'),
      name: `span ${i}`,
      startTimeUnixNano: String(at),
      endTimeUnixNano: String(at + 1000n),
      attributes: Array.from({ length: KEYS_OF_A_FILE }, (__, k) => ({
        key: `key.${(hour * KEYS_OF_A_FILE + k) % KEYS}`,
        value: { stringValue: `value ${k}` },
      })),
    };
  });
  return otlpJsonToProtobuf('traces', Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })));
}
