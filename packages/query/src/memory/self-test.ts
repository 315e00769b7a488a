import { type DuckDBConnection, DuckDBDataChunk, listValue, VARCHAR } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { Rows } from '../results/rows.ts';
import { TextReader } from '../results/text-readers.ts';
import { StringWriter } from './string-writer.ts';

/** Around the 12 bytes that an entry holds itself, with what is neither ASCII nor short. */
const SAMPLES = [
  '',
  'a',
  '12345678901',
  '123456789012',
  '1234567890123',
  'é'.repeat(6),
  `${'é'.repeat(6)}x`,
  '🦆',
  'long '.repeat(500),
];

/**
 * Proves that strings lie in DuckDB's vectors as duckdb.h says, for writing and for reading, against DuckDB's own calls.
 * When it is false, strings go value by value.
 */
export async function stringLayoutHolds(connection: DuckDBConnection): Promise<boolean> {
  return writes() && (await reads(connection));
}

function writes(): boolean {
  const chunk = DuckDBDataChunk.create([VARCHAR], SAMPLES.length);
  const writer = new StringWriter(true);
  writer.begin(SAMPLES.length);
  for (const sample of SAMPLES) {
    const bytes = Buffer.from(sample);
    writer.add(bytes, 0, bytes.length);
  }
  writer.flush(duckdb.data_chunk_get_vector(chunk.chunk, 0));
  return equal(chunk.getColumnValues(0));
}

async function reads(connection: DuckDBConnection): Promise<boolean> {
  const result = await connection.run('select unnest($1::varchar[])', [listValue(SAMPLES)]);
  const chunk = await result.fetchChunk();
  if (chunk === null || chunk.rowCount !== SAMPLES.length) return false;
  const reader = new TextReader();
  reader.append(duckdb.data_chunk_get_vector(chunk.chunk, 0), new Rows(0, SAMPLES.length));
  const { offsets, values } = reader.take();
  return equal(SAMPLES.map((_, i) => Buffer.from(values!.subarray(offsets![i]!, offsets![i + 1]!)).toString()));
}

function equal(texts: readonly unknown[]): boolean {
  return SAMPLES.every((sample, i) => texts[i] === sample);
}
