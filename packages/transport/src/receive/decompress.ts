import { promisify } from 'node:util';
import { gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib';
import { OpenWitError } from '@openwit/ports';
import { malformedBody, requestTooLarge } from './body.ts';

/** What requests may be compressed with. */
export const CONTENT_ENCODINGS = ['identity', 'gzip', 'deflate', 'zstd'] as const;

export type ContentEncoding = (typeof CONTENT_ENCODINGS)[number];

/** One stream, frame or member at the start of the bytes: what it unpacks to, and how long it is. */
type Unpack = (bytes: Uint8Array, options: { maxOutputLength: number; info: true }) => Promise<Unpacked>;

interface Unpacked {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

const UNPACK: Readonly<Record<Exclude<ContentEncoding, 'identity'>, Unpack>> = {
  gzip: unpackBy(gunzip),
  // "deflate" is the zlib format (RFC 9110, 8.4.1.2), but some clients send it without the zlib header.
  deflate: (bytes, options) => unpackBy(hasZlibHeader(bytes) ? inflate : inflateRaw)(bytes, options),
  zstd: unpackBy(zstdDecompress),
};

/** Each frame is a call, and an empty one is 9 bytes. */
const MAX_FRAMES = 256;

/** Other names of the same (RFC 9110, 8.4.1.3). */
const ALIASES: ReadonlyMap<string, ContentEncoding> = new Map([['x-gzip', 'gzip']]);

/** The encoding that a header names; none is `identity`. @throws invalid / UNSUPPORTED_ENCODING */
export function contentEncoding(header: string | undefined): ContentEncoding {
  const name = (header ?? '').trim().toLowerCase() || 'identity';
  const encoding = ALIASES.get(name) ?? CONTENT_ENCODINGS.find((known) => known === name);
  if (encoding !== undefined) return encoding;
  const known = CONTENT_ENCODINGS.join(', ');
  throw new OpenWitError('invalid', 'UNSUPPORTED_ENCODING', `unsupported encoding, known=${known}, encoding=${name}`);
}

/** @throws invalid / REQUEST_TOO_LARGE before more than `maxBytes` are unpacked; invalid / MALFORMED_OTLP */
export async function decompress(encoding: ContentEncoding, bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  if (encoding === 'identity') return bytes;
  const parts: Buffer[] = [];
  let room = maxBytes;
  let at = 0;
  // A zstd body may have several frames (RFC 8878, 3), and Node unpacks one; of gzip's members it unpacks all.
  do {
    const { buffer, engine } = await unpack(encoding, bytes.subarray(at), room, maxBytes);
    parts.push(buffer);
    room -= buffer.length;
    if (room < 0) throw requestTooLarge(maxBytes);
    at += engine.bytesWritten;
  } while (encoding === 'zstd' && at < bytes.length && parts.length < MAX_FRAMES);
  // Behind gzip may be padding, and Node refuses anything else itself.
  if (at < bytes.length && encoding !== 'gzip')
    throw malformedBody(`body goes on behind its ${encoding} stream, offset=${at}`);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

async function unpack(
  encoding: keyof typeof UNPACK,
  bytes: Uint8Array,
  room: number,
  maxBytes: number,
): Promise<Unpacked> {
  try {
    return await UNPACK[encoding](bytes, { maxOutputLength: Math.max(1, room), info: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw requestTooLarge(maxBytes);
    throw malformedBody(`body is not ${encoding}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function unpackBy(call: typeof gunzip | typeof zstdDecompress): Unpack {
  return promisify(call as never) as Unpack;
}

function hasZlibHeader(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && (bytes[0]! & 0x0f) === 8 && (bytes[0]! * 256 + bytes[1]!) % 31 === 0;
}
