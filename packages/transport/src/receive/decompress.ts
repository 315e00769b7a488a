import { promisify } from 'node:util';
import { gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib';
import { OpenWitError } from '@openwit/ports';
import { malformedBody, requestTooLarge } from './body.ts';

/** What requests may be compressed with. */
export const CONTENT_ENCODINGS = ['identity', 'gzip', 'deflate', 'zstd'] as const;

export type ContentEncoding = (typeof CONTENT_ENCODINGS)[number];

type Decompress = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>;

const DECOMPRESSORS: Readonly<Record<Exclude<ContentEncoding, 'identity'>, Decompress>> = {
  gzip: promisify(gunzip),
  // "deflate" is the zlib format (RFC 9110, 8.4.1.2), but some clients send it without the zlib header.
  deflate: (bytes, options) => promisify(hasZlibHeader(bytes) ? inflate : inflateRaw)(bytes, options),
  zstd: promisify(zstdDecompress),
};

/** The encoding that a header names; none is `identity`. @throws invalid / UNSUPPORTED_ENCODING */
export function contentEncoding(header: string | undefined): ContentEncoding {
  const name = (header ?? '').trim().toLowerCase() || 'identity';
  const encoding = CONTENT_ENCODINGS.find((known) => known === name);
  if (encoding !== undefined) return encoding;
  const known = CONTENT_ENCODINGS.join(', ');
  throw new OpenWitError('invalid', 'UNSUPPORTED_ENCODING', `unsupported encoding, known=${known}, encoding=${name}`);
}

/** @throws invalid / REQUEST_TOO_LARGE before more than `maxBytes` are unpacked; invalid / MALFORMED_OTLP */
export async function decompress(encoding: ContentEncoding, bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  if (encoding === 'identity') return bytes;
  try {
    return await DECOMPRESSORS[encoding](bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw requestTooLarge(maxBytes);
    throw malformedBody(`body is not ${encoding}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function hasZlibHeader(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && (bytes[0]! & 0x0f) === 8 && (bytes[0]! * 256 + bytes[1]!) % 31 === 0;
}
