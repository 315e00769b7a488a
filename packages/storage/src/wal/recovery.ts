import { join } from 'node:path';
import type { FileSystem, OpenFile } from '@openwit/ports';
import { setAside } from './damage.ts';
import type { Segment } from './segment.ts';
import { decodeSegmentHeader, parseSegmentName, SEGMENT_HEADER_BYTES, type SegmentHeader } from './segment-header.ts';
import { type Damage, type LsnBounds, type ReadLimits, readBytes, readSegment } from './segment-reader.ts';

/** What a log holds when it is opened. */
export interface Recovery {
  readonly segments: readonly RecoveredSegment[];
  readonly nextLsn: number;
  readonly nextBatchId: number;
  readonly damagedFrames: number;
  readonly tornBytes: number;
}

export interface RecoveredSegment extends Segment {
  /** Frames with other numbers are copies of frames elsewhere. */
  readonly bounds: LsnBounds;
}

/**
 * Reads the whole log, cuts a torn end, copies damage to `damaged/`. Damage never stops it, and neither does a disk that
 * takes no writes: what could not be cut or copied is remembered in the segment. Only what cannot be read does.
 */
export async function recover(fileSystem: FileSystem, folder: string, maxFrameBytes: number): Promise<Recovery> {
  const found = await findSegments(fileSystem, folder);
  const recovery = { segments: [] as RecoveredSegment[], nextLsn: 1, nextBatchId: 1, damagedFrames: 0, tornBytes: 0 };
  for (const [i, file] of found.entries()) {
    const later = found.slice(i + 1);
    const bounds = boundsOf(file, later, recovery.nextLsn);
    const limits = { ...bounds, validBytes: validBytesOf(file, later), maxFrameBytes };
    const findings = await inspect(fileSystem, file, limits, later.length === 0);
    recovery.nextLsn = Math.max(recovery.nextLsn, file.firstLsn + 1, findings.lastLsn + 1);
    recovery.nextBatchId = Math.max(recovery.nextBatchId, file.nextBatchId, findings.lastBatchId + 1);
    recovery.damagedFrames += findings.damage.length;
    recovery.tornBytes += findings.tornBytes;
    // A sequence number that stood in damaged bytes is not given again: each frame took more than one byte.
    if (later.length === 0) recovery.nextLsn += lengthOf(findings.damage);

    const isSetAside = await setAside(fileSystem, folder, file, findings.damage);
    const isCut = findings.validBytes === file.sizeBytes || (await cut(fileSystem, file.path, findings.validBytes));
    recovery.segments.push({
      path: file.path,
      firstLsn: file.firstLsn,
      salt: file.header?.salt ?? new Uint8Array(),
      validBytes: findings.validBytes,
      lastLsnOf: findings.lastLsnOf,
      bounds,
      isTailUncut: !isCut,
      isKept: !isSetAside,
    });
  }
  return recovery;
}

interface SegmentFile {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly firstLsn: number;
  readonly nextBatchId: number;
  /** Undefined when both copies are damaged: then nothing in the file can be told from noise. */
  readonly header: SegmentHeader | undefined;
  /** A copy is, or it is that of another segment. */
  readonly isHeaderDamaged: boolean;
}

interface Findings {
  readonly damage: readonly Damage[];
  readonly lastLsnOf: Map<number, number>;
  readonly lastLsn: number;
  readonly lastBatchId: number;
  readonly validBytes: number;
  readonly tornBytes: number;
}

async function findSegments(fileSystem: FileSystem, folder: string): Promise<SegmentFile[]> {
  const files: SegmentFile[] = [];
  for (const { name, isFolder, sizeBytes } of await fileSystem.list(folder)) {
    const parsed = parseSegmentName(name);
    if (parsed === undefined || isFolder) continue;
    const path = join(folder, name);
    const start = await withFile(fileSystem, path, (file) => readBytes(file, 0, SEGMENT_HEADER_BYTES));
    const { header, isDamaged } = decodeSegmentHeader(start);
    const isHeaderDamaged = isDamaged || header?.firstLsn !== parsed.firstLsn;
    files.push({ name, path, sizeBytes, ...parsed, header, isHeaderDamaged });
  }
  return files;
}

async function inspect(
  fileSystem: FileSystem,
  file: SegmentFile,
  limits: ReadLimits,
  isLast: boolean,
): Promise<Findings> {
  const lastLsnOf = new Map<number, number>();
  const damage: Damage[] = [];
  const findings = { damage, lastLsnOf, lastLsn: 0, lastBatchId: 0, validBytes: limits.validBytes, tornBytes: 0 };
  const { header } = file;
  // Nothing was appended; perhaps the power failed while the file was made.
  if (file.sizeBytes <= SEGMENT_HEADER_BYTES)
    return { ...findings, tornBytes: header === undefined ? file.sizeBytes : 0 };
  if (header === undefined) {
    damage.push({ kind: 'damage', start: 0, end: file.sizeBytes });
    return findings;
  }
  if (file.isHeaderDamaged) damage.push({ kind: 'damage', start: 0, end: SEGMENT_HEADER_BYTES });
  await withFile(fileSystem, file.path, async (open) => {
    for await (const stretch of readSegment(open, header.salt, limits)) {
      if (stretch.kind === 'torn' && isLast) {
        findings.validBytes = stretch.start;
        findings.tornBytes = stretch.end - stretch.start;
      } else if (stretch.kind !== 'frame') {
        addDamage(damage, stretch);
      } else {
        const { batchId, lsn } = stretch.entry;
        lastLsnOf.set(batchId, lsn);
        findings.lastLsn = lsn;
        findings.lastBatchId = Math.max(findings.lastBatchId, batchId);
      }
    }
  });
  return findings;
}

/**
 * The numbers that frames of the file can have: none that is before its name or was read already; and when the header
 * is not that of the name, so that the file is a copy under a name it was not made with, none of the files behind it.
 */
function boundsOf(file: SegmentFile, later: readonly SegmentFile[], nextLsn: number): LsnBounds {
  const isOwnName = file.header?.firstLsn === file.firstLsn;
  return {
    firstLsn: Math.max(file.firstLsn, nextLsn),
    endLsn: isOwnName ? Infinity : (later[0]?.firstLsn ?? Infinity),
  };
}

/** A later segment's header says how much of this one was acknowledged when appending to it ended. */
function validBytesOf(file: SegmentFile, later: readonly SegmentFile[]): number {
  const said = later.find(({ header }) => header?.previous?.firstLsn === file.firstLsn)?.header?.previous;
  return Math.min(said?.validBytes ?? file.sizeBytes, file.sizeBytes);
}

async function cut(fileSystem: FileSystem, path: string, validBytes: number): Promise<boolean> {
  try {
    const file = await fileSystem.open(path, 'write');
    try {
      await file.truncate(validBytes);
      await file.sync();
      return true;
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

async function withFile<T>(fileSystem: FileSystem, path: string, use: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = await fileSystem.open(path, 'read');
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Where one stretch follows the other, they are one. */
function addDamage(damage: Damage[], { start, end }: Pick<Damage, 'start' | 'end'>): void {
  const joins = damage.at(-1)?.end === start ? damage.pop() : undefined;
  damage.push({ kind: 'damage', start: joins?.start ?? start, end });
}

function lengthOf(damage: readonly Damage[]): number {
  return damage.reduce((sum, { start, end }) => sum + end - start, 0);
}
