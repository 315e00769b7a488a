import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '@openwit/ports';

const RESERVE_BYTES = 1024 * 1024;
const BLOCK_BYTES = 4096;

/**
 * A file that holds room on the disk. The catalog needs a little when it is opened (SQLite makes its `-wal` and `-shm` anew
 * after a clean end); on a disk that is full it would not open, and nothing that was acknowledged could be read.
 */
export class DiskReserve {
  readonly #folder: string;
  readonly #path: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, 'reserve');
  }

  /** Makes the file, or as much of it as there is room for: the next start may need no more. */
  async keep(): Promise<void> {
    try {
      const file = await open(this.#path, 'a');
      try {
        await extend(file, RESERVE_BYTES);
      } finally {
        await file.close();
      }
    } catch {
      // The disk is full. What was written before it was holds room too, and the next start tries for the rest.
    }
  }

  /** Gives the room back. @returns false when there was none */
  async release(): Promise<boolean> {
    if ((await this.#size()) === 0) return false;
    await rm(this.#path, { force: true });
    // Some file systems give the blocks back only when the removal is durable.
    await nodeFileSystem.syncFolder(this.#folder);
    return true;
  }

  async #size(): Promise<number> {
    return stat(this.#path).then(
      ({ size }) => size,
      () => 0,
    );
  }
}

/** In blocks, so that of a nearly full disk the file holds all but the last of them. */
async function extend(file: FileHandle, bytes: number): Promise<void> {
  const block = new Uint8Array(BLOCK_BYTES);
  for (let { size } = await file.stat(); size < bytes; ) {
    const { bytesWritten } = await file.write(block, 0, Math.min(BLOCK_BYTES, bytes - size));
    size += bytesWritten;
  }
  await file.sync();
}
