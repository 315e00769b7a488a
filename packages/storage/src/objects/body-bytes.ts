import type { ObjectRequest } from '@openwit/ports';

/** All bytes of an answer's body. @throws when it is longer than what was asked for */
export async function bodyBytes(
  body: AsyncIterable<Uint8Array>,
  expectedBytes: number,
  request: ObjectRequest,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(expectedBytes);
  let filled = 0;
  for await (const piece of body) {
    if (filled + piece.length > expectedBytes) throw new RangeError(`a longer body than ${expectedBytes} bytes`);
    bytes.set(piece, filled);
    filled += piece.length;
  }
  request.receivedBytes = filled;
  if (filled < expectedBytes) throw new RangeError(`the body ends early, bytes=${filled} expected=${expectedBytes}`);
  return bytes;
}
