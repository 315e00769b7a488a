import type { SharedBuffers } from '@openwit/ports';

/**
 * The bytes of a file in their order, as parts of as few buffers as can be.
 * @param large what stays where it is; everything else is put into one buffer more
 */
export function fileParts(
  pieces: readonly Uint8Array[],
  large: readonly Uint8Array<SharedArrayBuffer>[],
  memory: SharedBuffers,
): Uint8Array<SharedArrayBuffer>[] {
  const kept = new Set<ArrayBufferLike>(large.map(({ buffer }) => buffer));
  const isKept = (piece: Uint8Array): piece is Uint8Array<SharedArrayBuffer> => kept.has(piece.buffer);
  const rest = memory.take(pieces.reduce((sum, piece) => sum + (isKept(piece) ? 0 : piece.length), 0));
  const parts: Uint8Array<SharedArrayBuffer>[] = [];
  let at = 0;
  for (const piece of pieces) {
    if (isKept(piece)) {
      add(parts, piece);
      continue;
    }
    rest.set(piece, at);
    add(parts, rest.subarray(at, (at += piece.length)));
  }
  return parts;
}

/** Behind the last part, or as the end of it. */
function add(parts: Uint8Array<SharedArrayBuffer>[], part: Uint8Array<SharedArrayBuffer>): void {
  const last = parts.at(-1);
  if (last?.buffer !== part.buffer || last.byteOffset + last.length !== part.byteOffset) parts.push(part);
  else parts[parts.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + part.length);
}
