import { crc32 } from 'node:zlib';
import { SIGNALS, type WalEntry, type WalRecord } from '@openwit/ports';
import { SALT_BYTES } from './segment-header.ts';

/**
 * A frame of the log, little-endian: salt 8, crc32 4 (of all that follows), payload bytes 4, lsn 8, batch id 8, source
 * position 8, signal 1, tenant bytes 1, source bytes 2; then tenant, source name, payload.
 */
const OFFSETS = {
  crc: 8,
  payloadBytes: 12,
  lsn: 16,
  batchId: 24,
  next: 32,
  signal: 40,
  tenantBytes: 41,
  sourceBytes: 42,
};
export const FRAME_HEADER_BYTES = 44;

/** More than a tenant's and a source's name may take. */
export const MAX_NAMES_BYTES: number = 255 + 0xfffe;
const NO_SOURCE = 0xffff;

/** Everything of a frame but its payload, which is written behind it from where it lies. */
export function encodeFrameHeader(entry: WalEntry, salt: Uint8Array): Buffer {
  const { tenant, source, payload } = entry;
  const tenantBytes = Buffer.byteLength(tenant);
  const sourceBytes = source === undefined ? 0 : Buffer.byteLength(source.source);
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES + tenantBytes + sourceBytes);
  header.set(salt, 0);
  header.writeUInt32LE(payload.length, OFFSETS.payloadBytes);
  header.writeBigUInt64LE(BigInt(entry.lsn), OFFSETS.lsn);
  header.writeBigUInt64LE(BigInt(entry.batchId), OFFSETS.batchId);
  header.writeBigUInt64LE(BigInt(source?.next ?? 0), OFFSETS.next);
  header[OFFSETS.signal] = SIGNALS.indexOf(entry.signal);
  header[OFFSETS.tenantBytes] = tenantBytes;
  header.writeUInt16LE(source === undefined ? NO_SOURCE : sourceBytes, OFFSETS.sourceBytes);
  header.write(tenant, FRAME_HEADER_BYTES);
  if (source !== undefined) header.write(source.source, FRAME_HEADER_BYTES + tenantBytes);
  header.writeUInt32LE(crc32(payload, crc32(header.subarray(OFFSETS.payloadBytes))), OFFSETS.crc);
  return header;
}

/** How long the record's frame is. */
export function frameBytes({ tenant, source, payload }: WalRecord): number {
  return FRAME_HEADER_BYTES + Buffer.byteLength(tenant) + Buffer.byteLength(source?.source ?? '') + payload.length;
}

/** True when the record fits a frame. */
export function fitsFrame({ tenant, source }: Pick<WalEntry, 'tenant' | 'source'>): boolean {
  return Buffer.byteLength(tenant) <= 255 && Buffer.byteLength(source?.source ?? '') < NO_SOURCE;
}

/** True when the bytes can begin a frame of the segment with this salt. */
export function beginsFrame(header: Buffer, salt: Uint8Array): boolean {
  return header.length >= FRAME_HEADER_BYTES && header.compare(salt, 0, SALT_BYTES, 0, SALT_BYTES) === 0;
}

/** The length of the frame that begins with these bytes, as they claim it. */
export function claimedFrameBytes(header: Buffer): number {
  const sourceBytes = header.readUInt16LE(OFFSETS.sourceBytes);
  const names = header[OFFSETS.tenantBytes]! + (sourceBytes === NO_SOURCE ? 0 : sourceBytes);
  return FRAME_HEADER_BYTES + names + header.readUInt32LE(OFFSETS.payloadBytes);
}

/** The record of a whole frame; undefined when it is damaged. The payload is a view of the given bytes. */
export function decodeFrame(frame: Buffer): WalEntry | undefined {
  if (frame.readUInt32LE(OFFSETS.crc) !== crc32(frame.subarray(OFFSETS.payloadBytes))) return undefined;
  const sourceBytes = frame.readUInt16LE(OFFSETS.sourceBytes);
  const tenantEnd = FRAME_HEADER_BYTES + frame[OFFSETS.tenantBytes]!;
  const sourceEnd = tenantEnd + (sourceBytes === NO_SOURCE ? 0 : sourceBytes);
  const signal = SIGNALS[frame[OFFSETS.signal]!];
  if (signal === undefined) return undefined;
  const next = Number(frame.readBigUInt64LE(OFFSETS.next));
  return {
    lsn: Number(frame.readBigUInt64LE(OFFSETS.lsn)),
    batchId: Number(frame.readBigUInt64LE(OFFSETS.batchId)),
    signal,
    tenant: frame.toString('utf8', FRAME_HEADER_BYTES, tenantEnd),
    ...(sourceBytes === NO_SOURCE ? {} : { source: { source: frame.toString('utf8', tenantEnd, sourceEnd), next } }),
    payload: frame.subarray(sourceEnd),
  };
}
