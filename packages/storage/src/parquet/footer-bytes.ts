/** Bytes of the footer's metadata, as the file's last eight bytes tell. */
export function footerBytes(parquet: Uint8Array): number {
  return new DataView(parquet.buffer, parquet.byteOffset, parquet.length).getUint32(parquet.length - 8, true);
}
