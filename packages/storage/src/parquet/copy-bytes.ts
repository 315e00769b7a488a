export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/**
 * Copies a text: eight bytes at a time, which are never numbers on the way once this is compiled. A call of `set` costs as much as a
 * hundred bytes, and in shared memory twice as much.
 */
export function copyBytes(source: DataView, from: number, length: number, target: DataView, to: number): void {
  if (length < WORD) {
    for (let k = 0; k < length; k++) target.setUint8(to + k, source.getUint8(from + k));
    return;
  }
  const last = length - WORD;
  for (let k = 0; k < last; k += WORD) target.setBigUint64(to + k, source.getBigUint64(from + k));
  // What is copied twice is the same.
  target.setBigUint64(to + last, source.getBigUint64(from + last));
}

const WORD = 8;
