import { join } from 'node:path';
import type { FileSystem, OpenFile } from '@openwit/ports';
import { type Damage, readBytes } from './segment-reader.ts';

/** In the log's folder. */
export const DAMAGED_FOLDER = 'damaged';

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
