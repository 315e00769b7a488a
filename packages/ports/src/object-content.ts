import { OpenWitError } from './errors.ts';
import type { ObjectContent } from './object-store.ts';

/** Bytes that are in memory, as content; they must not change until the call has ended. */
export function bytesContent(bytes: Uint8Array): ObjectContent {
  return {
    sizeBytes: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  };
}

/** The content part by part, in order; one empty part when it is empty. */
export async function* partsOf(
  content: ObjectContent,
  partBytes: number,
): AsyncGenerator<{ readonly offset: number; readonly bytes: Uint8Array; readonly isLast: boolean }> {
  const { sizeBytes } = content;
  for (let offset = 0; offset === 0 || offset < sizeBytes; offset += partBytes) {
    const length = Math.min(partBytes, sizeBytes - offset);
    const bytes = await content.read(offset, length);
    if (bytes.length !== length) throw changed(sizeBytes, offset + bytes.length);
    yield { offset, bytes, isLast: offset + partBytes >= sizeBytes };
  }
}

function changed(sizeBytes: number, found: number): OpenWitError {
  const message = `content ends before its size, sizeBytes=${sizeBytes} found=${found}`;
  return new OpenWitError('data', 'OBJECT_CORRUPTION', message, { details: { sizeBytes, found } });
}
