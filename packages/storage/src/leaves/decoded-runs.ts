import { UnknownForm } from './unknown-form.ts';

/**
 * Reads Parquet's "RLE / bit-packing hybrid" (https://parquet.apache.org/docs/file-format/data-pages/encodings/).
 * @param width bits of a value, at most 24
 * @param target gets its first `count` values
 * @throws UnknownForm
 */
export function decodeRuns(
  bytes: Uint8Array,
  start: number,
  { width, count }: { readonly width: number; readonly count: number },
  target: Int32Array,
): void {
  let at = start;
  for (let i = 0; i < count; ) {
    const head = headAt(bytes, at);
    at = headEnd(bytes, at);
    if ((head & 1) === 0) {
      const run = Math.min(count - i, head >>> 1);
      if (run === 0) throw new UnknownForm('an empty run');
      target.fill(valueAt(bytes, at, width), i, i + run);
      at += valueBytes(width);
      i += run;
    } else {
      const packed = Math.min(count - i, 8 * (head >>> 1));
      if (packed === 0 || at + (packed * width) / 8 > bytes.length) throw new UnknownForm('a packed run ends early');
      unpack(bytes, at, width, target, i, packed);
      at += width * (head >>> 1);
      i += packed;
    }
  }
}

/** The value of all `count`, when they are one run; otherwise undefined. */
export function singleRun(
  bytes: Uint8Array,
  at: number,
  { width, count }: { readonly width: number; readonly count: number },
): number | undefined {
  if (width === 0) return 0;
  const head = headAt(bytes, at);
  return (head & 1) === 0 && head >>> 1 >= count ? valueAt(bytes, headEnd(bytes, at), width) : undefined;
}

function unpack(bytes: Uint8Array, start: number, width: number, target: Int32Array, from: number, count: number) {
  const mask = (1 << width) - 1;
  let at = start;
  let open = 0;
  let bits = 0;
  for (let i = from; i < from + count; i++) {
    for (; bits < width; bits += 8) open |= bytes[at++]! << bits;
    target[i] = open & mask;
    open >>>= width;
    bits -= width;
  }
}

/** A varint of 32 bits. */
function headAt(bytes: Uint8Array, start: number): number {
  let head = 0;
  for (let at = start, shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) break;
    head |= (byte & 127) << shift;
    if (byte < 128) return head >>> 0;
  }
  throw new UnknownForm('a run without a head');
}

function headEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at++]! > 127);
  return at;
}

function valueAt(bytes: Uint8Array, at: number, width: number): number {
  const length = valueBytes(width);
  if (at + length > bytes.length) throw new UnknownForm('a run ends early');
  let value = 0;
  for (let k = 0; k < length; k++) value |= bytes[at + k]! << (8 * k);
  return value;
}

function valueBytes(width: number): number {
  return (width + 7) >> 3;
}
