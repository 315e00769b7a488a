import type { Utf8Column } from '../addon.ts';

/** A column of texts, in which null is no value. */
export function columnOf(texts: readonly (string | null)[]): Utf8Column {
  const pieces = texts.map((text) => Buffer.from(text ?? ''));
  const offsets = new Int32Array(texts.length + 1);
  pieces.forEach((piece, i) => {
    offsets[i + 1] = offsets[i]! + piece.length;
  });
  const validity = new Uint8Array((texts.length >> 3) + 1);
  texts.forEach((text, i) => {
    if (text !== null) validity[i >> 3]! |= 1 << (i & 7);
  });
  return { data: Buffer.concat(pieces), offsets, validity };
}
