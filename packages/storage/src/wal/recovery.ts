import { join } from 'node:path';
import type { FileSystem, OpenFile } from '@openwit/ports';
import { setAside } from './damage.ts';
import type { Segment } from './segment.ts';
import { decodeSegmentHeader, parseSegmentName, SEGMENT_HEADER_BYTES, type SegmentHeader } from './segment-header.ts';
import { type Damage, readBytes, readSegment } from './segment-reader.ts';

/** What a log holds when it is opened. */
export interface Recovery {
  readonly segments: readonly Segment[];
  readonly nextLsn: number;
  readonly nextBatchId: number;
  readonly damagedFrames: number;
  readonly tornBytes: number;
}

/**
 * Reads the whole log, cuts a torn end, copies damage to `damaged/`. Damage never stops it, and neither does a disk that
 * takes no writes: what could not be cut or copied is remembered in the segment. Only what cannot be read does.
 */
export async function recover(fileSystem: FileSystem, folder: string, maxFrameBytes: number): Promise<Recovery> {
  const found = await findSegments(fileSystem, folder);
  const recovery = { segments: [] as Segment[], nextLsn: 1, nextBatchId: 1, damagedFrames: 0, tornBytes: 0 };
  for (const [i, file] of found.entries()) {
    const later = found.slice(i + 1);
    const findings = await inspect(fileSystem, file, later, maxFrameBytes);
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
  for (const { name, sizeBytes } of await fileSystem.list(folder)) {
    const parsed = parseSegmentName(name);
    if (parsed === undefined) continue;
    const path = join(folder, name);
    const start = await withFile(fileSystem, path, (file) => readBytes(file, 0, SEGMENT_HEADER_BYTES));
    const { header, isDamaged } = decodeSegmentHeader(start);
    files.push({ name, path, sizeBytes, ...parsed, header, isHeaderDamaged: isDamaged });
  }
  return files;
}

async function inspect(
  fileSystem: FileSystem,
  file: SegmentFile,
  later: readonly SegmentFile[],
  maxFrameBytes: number,
): Promise<Findings> {
  const lastLsnOf = new Map<number, number>();
  const damage: Damage[] = [];
  const findings = {
    damage,
    lastLsnOf,
    lastLsn: 0,
    lastBatchId: 0,
    validBytes: validBytesOf(file, later),
    tornBytes: 0,
  };
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
    const limits = { validBytes: findings.validBytes, maxFrameBytes };
    for await (const stretch of readSegment(open, header.salt, limits)) {
      if (stretch.kind === 'damage') {
        damage.push(stretch);
        continue;
      }
      const { batchId, lsn } = stretch.entry;
      lastLsnOf.set(batchId, lsn);
      findings.lastLsn = lsn;
      findings.lastBatchId = Math.max(findings.lastBatchId, batchId);
    }
  });
  const last = damage.at(-1);
  const isTorn = later.length === 0 && last !== undefined && last.start > 0 && last.end === findings.validBytes;
  if (!isTorn) return findings;
  damage.pop();
  return { ...findings, validBytes: last.start, tornBytes: last.end - last.start };
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

function lengthOf(damage: readonly Damage[]): number {
  return damage.reduce((sum, { start, end }) => sum + end - start, 0);
}
