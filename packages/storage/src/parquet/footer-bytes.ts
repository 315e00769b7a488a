/** Of the length of the footer's metadata and the magic, at the very end of a file. */
export const TAIL_BYTES = 8;

/** Bytes of the footer's metadata, as the file's last eight bytes tell. */
export function footerBytes(parquet: Uint8Array): number {
  return new DataView(parquet.buffer, parquet.byteOffset, parquet.length).getUint32(parquet.length - TAIL_BYTES, true);
}
