import { constants, type Stats } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The file operations that durability rests on, as a collaborator: tests cut the power, fail the third write or fill
 * the disk. Errors are Node's (`code` is `ENOENT`, `ENOSPC`, …).
 *
 * Guarantees: what was written is durable when `sync()` of that file has resolved; a name that was made, renamed or
 * removed is durable when `syncFolder()` of its folder has resolved. Nothing is promised before that.
 */
export interface FileSystem {
  /** `create`: a new file, fails when it exists; `write`: an existing file, not truncated; `read`: read only. */
  open(path: string, mode: 'create' | 'write' | 'read'): Promise<OpenFile>;
  /** Entries of a folder, sorted by name; an empty list when there is no such folder. */
  list(path: string): Promise<readonly FolderEntry[]>;
  /** Gives a file a second name; fails with `EEXIST` when that name is taken, whoever takes it at the same time. */
  link(path: string, name: string): Promise<void>;
  /** Replaces the target when it exists. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
  /** Makes a folder and its parents; nothing happens when it exists. */
  makeFolder(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

export interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly sizeBytes: number;
  /** When it was last written to, by the clock of the disk's machine; milliseconds since the Unix epoch. */
  readonly modifiedMs: number;
}

export interface OpenFile {
  /** Writes all the pieces one after the other at `position`; when it rejects, any part may have been written. */
  write(pieces: readonly Uint8Array[], position: number): Promise<void>;
  /** Reads up to `target.length` bytes at `position`; returns how many, 0 at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  size(): Promise<number>;
  truncate(length: number): Promise<void>;
  /** Makes the file's content and size durable. A failure is final: the pages may be lost and marked clean. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Names that are looked up at once: one after the other, a folder of thousands would hold up a start. */
const LOT = 256;

const FLAGS = {
  create: constants.O_CREAT | constants.O_EXCL | constants.O_RDWR,
  write: constants.O_RDWR,
  read: constants.O_RDONLY,
};

/** The machine's file system. */
export const nodeFileSystem: FileSystem = {
  open: async (path, mode) => new NodeFile(await open(path, FLAGS[mode])),
  async list(path) {
    const names = (await readdir(path).catch(nothingWhenMissing)) ?? [];
    const entries: FolderEntry[] = [];
    for (const some of inLots(names.sort())) {
      const stats: (Stats | undefined)[] = await Promise.all(
        some.map((name) => stat(join(path, name)).catch(nothingWhenMissing)),
      );
      stats.forEach((found, i) => {
        if (found === undefined) return;
        const { size, mtimeMs } = found;
        entries.push({ name: some[i]!, isFolder: found.isDirectory(), sizeBytes: size, modifiedMs: mtimeMs });
      });
    }
    return entries;
  },
  link,
  rename,
  remove: (path) => rm(path, { force: true }),
  makeFolder: async (path) => void (await mkdir(path, { recursive: true })),
  async syncFolder(path) {
    const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const { bytesWritten } = await this.#handle.writev(pieces, position);
    if (bytesWritten < total) await this.#writeRest(pieces, bytesWritten, position);
  }

  /** `writev` may stop early (a nearly full disk, a signal): the next write gives the rest or the reason. */
  async #writeRest(pieces: readonly Uint8Array[], written: number, position: number): Promise<void> {
    const rest = Buffer.concat(pieces).subarray(written);
    for (let at = 0; at < rest.length; ) {
      const { bytesWritten } = await this.#handle.write(rest, at, rest.length - at, position + written + at);
      at += bytesWritten;
    }
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(target, 0, target.length, position)).bytesRead;
  }

  size = async (): Promise<number> => (await this.#handle.stat()).size;
  truncate = (length: number): Promise<void> => this.#handle.truncate(length);
  sync = (): Promise<void> => this.#handle.datasync();
  close = (): Promise<void> => this.#handle.close();
}

function nothingWhenMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

function* inLots<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += LOT) yield list.slice(at, at + LOT);
}
