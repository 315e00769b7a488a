/**
 * Frees bytes that nobody reads any more, now. As garbage they would count against the heap of their thread and make a busy
 * one collect it many times a second, which costs more than what it is busy with. Does nothing to bytes that are only a
 * part of their buffer, or that are shared.
 */
export function freeBuffer({ buffer, byteLength }: Uint8Array): void {
  const isAlone = buffer.byteLength === byteLength;
  if (isAlone && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
