/** The bytes of a file in their order, as parts of as few buffers as can be, all of which can be transferred to another thread. */
export interface FileParts {
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
  readonly buffers: readonly ArrayBuffer[];
}

/**
 * Leaves what is in `large` where it is, and puts everything else into one buffer more: small arrays are from a pool, which cannot
 * be transferred.
 */
export function fileParts(pieces: readonly Uint8Array[], large: readonly Uint8Array<ArrayBuffer>[]): FileParts {
  const kept = new Set<ArrayBufferLike>(large.map(({ buffer }) => buffer));
  const isKept = (piece: Uint8Array): piece is Uint8Array<ArrayBuffer> => kept.has(piece.buffer);
  const rest = new Uint8Array(pieces.reduce((sum, piece) => sum + (isKept(piece) ? 0 : piece.length), 0));
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  for (const piece of pieces) {
    if (isKept(piece)) {
      add(parts, piece);
      continue;
    }
    rest.set(piece, at);
    add(parts, rest.subarray(at, (at += piece.length)));
  }
  return { parts, buffers: [...large.map(({ buffer }) => buffer), rest.buffer] };
}

/** Behind the last part, or as the end of it. */
function add(parts: Uint8Array<ArrayBuffer>[], part: Uint8Array<ArrayBuffer>): void {
  const last = parts.at(-1);
  if (last?.buffer !== part.buffer || last.byteOffset + last.length !== part.byteOffset) parts.push(part);
  else parts[parts.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + part.length);
}
