import { dirname } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import type { FileSystem, FolderEntry, OpenFile } from '../file-system.ts';
import { MemoryFile } from './memory-file.ts';
import type { SeededRandom } from './seeded-random.ts';

type Node = MemoryFile | Folder;

/** A change of folder entries that no `syncFolder` has made durable yet. */
type EntryChange = readonly { readonly name: string; readonly node: Node | undefined }[];

interface Folder {
  readonly entries: Map<string, Node>;
  durable: Map<string, Node>;
  pending: EntryChange[];
}

/**
 * A file system in memory that knows what is durable and what is not, file contents and folder entries apart, as POSIX
 * leaves it. A test stops it at any operation, cuts the power, and opens what was left.
 */
export class MemoryFileSystem implements FileSystem {
  /** Writes beyond this many bytes in all fail with ENOSPC. */
  capacityBytes: number = Infinity;
  /** Operations so far. */
  operations: number = 0;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #root: Folder = newFolder();
  #life = 0;
  #stopAt = Infinity;
  #stopped = Promise.withResolvers<void>();

  /** @param clock of the times that it keeps */
  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock;
  }

  /** From this operation on nothing is done and nothing answers, as for a dead process. Resolves when it is reached. */
  stopAt(operation: number): Promise<void> {
    this.#stopAt = operation;
    this.#stopped = Promise.withResolvers();
    return this.#stopped.promise;
  }

  /** The file system as one process has it: after that process died, no call of it does anything or answers. */
  process(): FileSystem {
    const life = this.#life;
    const ifAlive = <T>(call: () => Promise<T>): Promise<T> => (life === this.#life ? call() : new Promise(() => {}));
    return {
      open: (path, mode) => ifAlive(() => this.open(path, mode)),
      list: (path) => ifAlive(() => this.list(path)),
      link: (path, name) => ifAlive(() => this.link(path, name)),
      rename: (from, to) => ifAlive(() => this.rename(from, to)),
      remove: (path) => ifAlive(() => this.remove(path)),
      makeFolder: (path) => ifAlive(() => this.makeFolder(path)),
      syncFolder: (path) => ifAlive(() => this.syncFolder(path)),
    };
  }

  /** The process dies, the machine does not: open files are gone, everything written is there. */
  kill(): void {
    this.#life++;
    this.#stopAt = Infinity;
  }

  /**
   * The power fails and comes back: what was not synced is gone; with `random`, any part of it is there, in any order,
   * whole or torn at a sector.
   */
  powerCut(random?: SeededRandom): void {
    this.kill();
    const visit = (folder: Folder): void => {
      for (const change of folder.pending)
        if (random !== undefined && random.below(2) === 0) apply(folder.durable, change);
      folder.pending = [];
      folder.entries.clear();
      for (const [name, node] of folder.durable) {
        folder.entries.set(name, node);
        if (node instanceof MemoryFile) node.powerCut(random);
        else visit(node);
      }
    };
    visit(this.#root);
  }

  /** See {@link MemoryFile.loseUnsynced}; nothing happens when there is no such file. */
  loseUnsynced(path: string, random: SeededRandom): void {
    const node = this.#folder(dirname(path))?.entries.get(nameOf(path));
    if (node instanceof MemoryFile) node.loseUnsynced(random);
  }

  open(path: string, mode: 'create' | 'write' | 'read'): Promise<OpenFile> {
    return this.#step(() => {
      const { folder, name } = this.#locate(path);
      const node = folder.entries.get(name);
      if (mode === 'create') {
        if (node !== undefined) throw systemError('EEXIST', path);
        const file = new MemoryFile(this.#clock.now());
        change(folder, [{ name, node: file }]);
        return this.#handle(file);
      }
      if (!(node instanceof MemoryFile)) throw systemError('ENOENT', path);
      return this.#handle(node);
    });
  }

  list(path: string): Promise<readonly FolderEntry[]> {
    return this.#step(() => {
      const folder = this.#folder(path);
      return [...(folder?.entries ?? [])]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, node]) => ({
          name,
          isFolder: !(node instanceof MemoryFile),
          sizeBytes: node instanceof MemoryFile ? node.size : 0,
          modifiedMs: node instanceof MemoryFile ? node.modifiedMs : 0,
        }));
    });
  }

  link(path: string, name: string): Promise<void> {
    return this.#step(() => {
      const source = this.#locate(path);
      const target = this.#locate(name);
      const node = source.folder.entries.get(source.name);
      if (node === undefined) throw systemError('ENOENT', path);
      if (target.folder.entries.has(target.name)) throw systemError('EEXIST', name);
      change(target.folder, [{ name: target.name, node }]);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step(() => {
      const source = this.#locate(from);
      const target = this.#locate(to);
      const node = source.folder.entries.get(source.name);
      if (node === undefined) throw systemError('ENOENT', from);
      const gone = { name: source.name, node: undefined };
      const arrived = { name: target.name, node };
      if (source.folder === target.folder) {
        change(source.folder, [gone, arrived]);
      } else {
        change(target.folder, [arrived]);
        change(source.folder, [gone]);
      }
    });
  }

  remove(path: string): Promise<void> {
    return this.#step(() => {
      const folder = this.#folder(dirname(path));
      const name = nameOf(path);
      const node = folder?.entries.get(name);
      if (node === undefined) return;
      if (!(node instanceof MemoryFile)) throw systemError('EISDIR', path);
      change(folder!, [{ name, node: undefined }]);
    });
  }

  makeFolder(path: string): Promise<void> {
    return this.#step(() => {
      let folder = this.#root;
      for (const name of partsOf(path)) {
        if (!folder.entries.has(name)) change(folder, [{ name, node: newFolder() }]);
        folder = folder.entries.get(name) as Folder;
      }
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.#step(() => {
      const folder = this.#folder(path);
      if (folder === undefined) throw systemError('ENOENT', path);
      folder.durable = new Map(folder.entries);
      folder.pending = [];
    });
  }

  #handle(file: MemoryFile): OpenFile {
    const life = this.#life;
    const step = <T>(operation: () => T): Promise<T> => this.#step(operation, life);
    return {
      write: (pieces, position) =>
        step(() => {
          const room = this.capacityBytes - this.#usedBytes() + Math.max(0, file.size - position);
          const bytes = Buffer.concat(pieces);
          file.write(bytes.subarray(0, Math.max(0, Math.min(bytes.length, room))), position);
          file.modifiedMs = this.#clock.now();
          if (room < bytes.length) throw systemError('ENOSPC', 'write');
        }),
      read: (target, position) => step(() => file.read(target, position)),
      size: () => step(() => file.size),
      truncate: (length) => step(() => file.truncate(length)),
      sync: () => step(() => file.sync()),
      close: () => step(() => {}),
    };
  }

  /** What belongs to an earlier life never answers: its process is dead. The operation is done whole or not at all. */
  async #step<T>(operation: () => T, life = this.#life): Promise<T> {
    await undefined;
    if (life === this.#life && ++this.operations < this.#stopAt) return operation();
    if (life === this.#life) this.#stopped.resolve();
    return new Promise<never>(() => {});
  }

  #usedBytes(folder: Folder = this.#root): number {
    let bytes = 0;
    for (const node of folder.entries.values()) bytes += node instanceof MemoryFile ? node.size : this.#usedBytes(node);
    return bytes;
  }

  #locate(path: string): { folder: Folder; name: string } {
    const folder = this.#folder(dirname(path));
    if (folder === undefined) throw systemError('ENOENT', path);
    return { folder, name: nameOf(path) };
  }

  #folder(path: string): Folder | undefined {
    let folder: Node | undefined = this.#root;
    for (const name of partsOf(path)) {
      folder = folder.entries.get(name);
      if (folder === undefined || folder instanceof MemoryFile) return undefined;
    }
    return folder;
  }
}

function newFolder(): Folder {
  return { entries: new Map(), durable: new Map(), pending: [] };
}

function change(folder: Folder, entries: EntryChange): void {
  apply(folder.entries, entries);
  folder.pending.push(entries);
}

function apply(entries: Map<string, Node>, changes: EntryChange): void {
  for (const { name, node } of changes) {
    if (node === undefined) entries.delete(name);
    else entries.set(name, node);
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function nameOf(path: string): string {
  return partsOf(path).at(-1) ?? '';
}

/** An error as Node's file system gives it. */
export function systemError(code: string, what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
