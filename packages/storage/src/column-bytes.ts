import type { ColumnData } from '@openwit/ports';

/** Bytes of the buffers that columns see; a dictionary that several columns share counts for each. */
export function columnBytes(columns: readonly ColumnData[]): number {
  let bytes = 0;
  for (const { validity, offsets, values, indices, dictionary, children } of columns) {
    for (const buffer of [validity, offsets, values, indices]) bytes += buffer?.byteLength ?? 0;
    bytes += columnBytes(children ?? []);
    if (dictionary !== undefined) bytes += columnBytes([dictionary]);
  }
  return bytes;
}
