import { crc32 } from 'node:zlib';

/** What a segment says of itself; its file name says the first two too. */
export interface SegmentHeader {
  /** No frame of this segment has a smaller sequence number. */
  readonly firstLsn: number;
  /** Every batch of earlier segments has a smaller id or continues here. */
  readonly nextBatchId: number;
  /** Random, and the start of every frame: nothing that a payload holds can be taken for a frame. */
  readonly salt: Uint8Array;
  /** The segment before, and up to which offset it is true: what lies behind was rejected. */
  readonly previous: { readonly firstLsn: number; readonly validBytes: number } | undefined;
}

const COPY_BYTES = 64;
/** The header stands twice, a page apart, so that one damaged sector or page leaves the other. */
const COPY_OFFSETS = [0, 4096] as const;
export const SEGMENT_HEADER_BYTES: number = COPY_OFFSETS[1] + COPY_BYTES;
export const SALT_BYTES = 8;

const MAGIC = 'OWITWAL1';
const OFFSETS = { magic: 0, crc: 8, firstLsn: 12, nextBatchId: 20, salt: 28, previousLsn: 36, previousBytes: 44 };
const NO_PREVIOUS = 0xffff_ffff_ffff_ffffn;

export function encodeSegmentHeader({ firstLsn, nextBatchId, salt, previous }: SegmentHeader): Uint8Array {
  const copy = Buffer.alloc(COPY_BYTES);
  copy.write(MAGIC, OFFSETS.magic, 'latin1');
  copy.writeBigUInt64LE(BigInt(firstLsn), OFFSETS.firstLsn);
  copy.writeBigUInt64LE(BigInt(nextBatchId), OFFSETS.nextBatchId);
  copy.set(salt, OFFSETS.salt);
  copy.writeBigUInt64LE(previous === undefined ? NO_PREVIOUS : BigInt(previous.firstLsn), OFFSETS.previousLsn);
  copy.writeBigUInt64LE(BigInt(previous?.validBytes ?? 0), OFFSETS.previousBytes);
  copy.writeUInt32LE(crc32(copy.subarray(OFFSETS.firstLsn)), OFFSETS.crc);
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  for (const offset of COPY_OFFSETS) header.set(copy, offset);
  return header;
}

/** The first copy that is whole, undefined when none is; and whether any is not. */
export function decodeSegmentHeader(bytes: Uint8Array): { header: SegmentHeader | undefined; isDamaged: boolean } {
  const copies = COPY_OFFSETS.map((offset) => decodeCopy(bytes.subarray(offset, offset + COPY_BYTES)));
  return { header: copies[0] ?? copies[1], isDamaged: copies.includes(undefined) };
}

function decodeCopy(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < COPY_BYTES) return undefined;
  const copy = Buffer.from(bytes.buffer, bytes.byteOffset, COPY_BYTES);
  if (copy.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
  if (copy.readUInt32LE(OFFSETS.crc) !== crc32(copy.subarray(OFFSETS.firstLsn))) return undefined;
  const previousLsn = copy.readBigUInt64LE(OFFSETS.previousLsn);
  const validBytes = Number(copy.readBigUInt64LE(OFFSETS.previousBytes));
  return {
    firstLsn: Number(copy.readBigUInt64LE(OFFSETS.firstLsn)),
    nextBatchId: Number(copy.readBigUInt64LE(OFFSETS.nextBatchId)),
    salt: Uint8Array.from(copy.subarray(OFFSETS.salt, OFFSETS.salt + SALT_BYTES)),
    previous: previousLsn === NO_PREVIOUS ? undefined : { firstLsn: Number(previousLsn), validBytes },
  };
}

/** `000000000000002a-000000000007.wal`: first sequence number and next batch id, in hex; names sort by age. */
export function segmentName(firstLsn: number, nextBatchId: number): string {
  return `${firstLsn.toString(16).padStart(16, '0')}-${nextBatchId.toString(16).padStart(12, '0')}.wal`;
}

export function parseSegmentName(name: string): { firstLsn: number; nextBatchId: number } | undefined {
  const parts = /^([0-9a-f]{16})-([0-9a-f]{12})\.wal$/.exec(name);
  if (parts === null) return undefined;
  return { firstLsn: Number.parseInt(parts[1]!, 16), nextBatchId: Number.parseInt(parts[2]!, 16) };
}
