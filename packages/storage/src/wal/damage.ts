import { join } from 'node:path';
import type { FileSystem, OpenFile, WalEntry } from '@openwit/ports';
import { type Damage, readBytes } from './segment-reader.ts';

/** In the log's folder. */
const DAMAGED_FOLDER = 'damaged';
const RECORD_NAME = /^record-(.+)-\d+\.otlp$/;

const BLOCK_BYTES = 256 * 1024;

/**
 * Copies damaged stretches to `damaged/{segment}-{start}-{end}.bin`, once each, for repair by hand.
 * @returns false when the disk did not take them all
 */
export async function setAside(
  fileSystem: FileSystem,
  folder: string,
  segment: { readonly name: string; readonly path: string },
  damage: readonly Damage[],
): Promise<boolean> {
  if (damage.length === 0) return true;
  const target = join(folder, DAMAGED_FOLDER);
  try {
    await fileSystem.makeFolder(target);
    const present = new Set((await fileSystem.list(target)).map(({ name }) => name));
    for (const stretch of damage) {
      const name = `${segment.name}-${stretch.start}-${stretch.end}.bin`;
      if (!present.has(name)) await copyStretch(fileSystem, segment.path, stretch, join(target, name));
    }
    await fileSystem.syncFolder(target);
    await fileSystem.syncFolder(folder);
    return true;
  } catch {
    // The start goes on; the segment stays until a later start can copy it.
    return false;
  }
}

/** Where a record is kept that does not decode. */
export function recordPath(folder: string, { tenant, lsn }: Pick<WalEntry, 'tenant' | 'lsn'>): string {
  return join(folder, DAMAGED_FOLDER, `record-${tenant}-${lsn}.otlp`);
}

/** Removes what was set aside, but for the records of other tenants. @throws the file system's error */
export async function removeDamaged(fileSystem: FileSystem, folder: string, tenant: string): Promise<void> {
  const target = join(folder, DAMAGED_FOLDER);
  const names = (await fileSystem.list(target)).map(({ name }) => name);
  const gone = names.filter((name) => (RECORD_NAME.exec(name)?.[1] ?? tenant) === tenant);
  for (const name of gone) await fileSystem.remove(join(target, name));
  // Also of an earlier call that failed here.
  if (names.length > 0) await fileSystem.syncFolder(target);
}

async function copyStretch(fileSystem: FileSystem, from: string, { start, end }: Damage, to: string): Promise<void> {
  const unfinished = `${to}.tmp`;
  await fileSystem.remove(unfinished);
  const source = await fileSystem.open(from, 'read');
  try {
    const target = await fileSystem.open(unfinished, 'create');
    try {
      await copyBytes(source, target, start, end);
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  await fileSystem.rename(unfinished, to);
}

async function copyBytes(source: OpenFile, target: OpenFile, start: number, end: number): Promise<void> {
  for (let at = start; at < end; ) {
    const block = await readBytes(source, at, Math.min(BLOCK_BYTES, end - at));
    if (block.length === 0) return;
    await target.write([block], at - start);
    at += block.length;
  }
}
