import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '@openwit/ports';

const RESERVE_BYTES = 1024 * 1024;

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

  /** Makes the file where there is room for it. */
  async keep(): Promise<void> {
    try {
      if ((await this.#size()) === RESERVE_BYTES) return;
      const file = await open(this.#path, 'w');
      try {
        await file.writeFile(new Uint8Array(RESERVE_BYTES));
        await file.sync();
      } finally {
        await file.close();
      }
    } catch {
      // A full disk has no room to hold: a part of the file is of no use, and the next start tries again.
      await rm(this.#path, { force: true }).catch(() => {});
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
