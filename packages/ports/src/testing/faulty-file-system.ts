import type { FileSystem, FolderEntry, OpenFile } from '../file-system.ts';
import { systemError } from './memory-file-system.ts';

export type FileOperation =
  | 'open'
  | 'list'
  | 'link'
  | 'rename'
  | 'remove'
  | 'makeFolder'
  | 'syncFolder'
  | 'write'
  | 'read'
  | 'truncate'
  | 'sync'
  | 'close';

/** Which operations a fault meets. */
export interface FaultMatch {
  /** Absent: every operation. */
  readonly operation?: FileOperation;
  /** Absent: every path. */
  readonly path?: RegExp;
  /** The first matching operation that it meets, counted from 1 when the fault is set. Default 1. */
  readonly from?: number;
  /** How many it meets. Default 1. */
  readonly times?: number;
}

export interface Fault {
  /** Matching operations seen so far. */
  readonly seen: number;
  /** The fault is over. */
  clear(): void;
}

interface Rule extends FaultMatch {
  seen: number;
  readonly strike: () => Promise<void>;
}

/** A file system whose operations fail or wait when a test says so. A write that fails has written its first half. */
export class FaultyFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  #rules: Rule[] = [];

  constructor(inner: FileSystem) {
    this.#inner = inner;
  }

  /** Matching operations reject with the code: `ENOSPC`, `EIO`, `EMFILE`. */
  fail(code: string, match: FaultMatch = {}): Fault {
    return this.#set(match, () => Promise.reject(systemError(code, 'injected')));
  }

  /** Matching operations wait until the promise settles. */
  hold(until: Promise<unknown>, match: FaultMatch = {}): Fault {
    return this.#set(match, async () => void (await until));
  }

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<OpenFile> {
    await this.#meet('open', path);
    const file = await this.#inner.open(path, mode);
    return {
      write: async (pieces, position) => {
        try {
          await this.#meet('write', path);
        } catch (error) {
          const bytes = Buffer.concat(pieces);
          await file.write([bytes.subarray(0, bytes.length >> 1)], position);
          throw error;
        }
        await file.write(pieces, position);
      },
      read: async (target, position) => {
        await this.#meet('read', path);
        return file.read(target, position);
      },
      size: () => file.size(),
      truncate: async (length) => {
        await this.#meet('truncate', path);
        await file.truncate(length);
      },
      sync: async () => {
        await this.#meet('sync', path);
        await file.sync();
      },
      close: async () => {
        await file.close();
        await this.#meet('close', path);
      },
    };
  }

  async list(path: string): Promise<readonly FolderEntry[]> {
    await this.#meet('list', path);
    return this.#inner.list(path);
  }

  async link(path: string, name: string): Promise<void> {
    await this.#meet('link', name);
    await this.#inner.link(path, name);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#meet('rename', from);
    await this.#inner.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#meet('remove', path);
    await this.#inner.remove(path);
  }

  async makeFolder(path: string): Promise<void> {
    await this.#meet('makeFolder', path);
    await this.#inner.makeFolder(path);
  }

  async syncFolder(path: string): Promise<void> {
    await this.#meet('syncFolder', path);
    await this.#inner.syncFolder(path);
  }

  #set(match: FaultMatch, strike: () => Promise<void>): Fault {
    const rule: Rule = { ...match, seen: 0, strike };
    this.#rules.push(rule);
    return {
      get seen() {
        return rule.seen;
      },
      clear: () => void (this.#rules = this.#rules.filter((other) => other !== rule)),
    };
  }

  async #meet(operation: FileOperation, path: string): Promise<void> {
    for (const rule of this.#rules) {
      if (rule.operation !== undefined && rule.operation !== operation) continue;
      if (rule.path !== undefined && !rule.path.test(path)) continue;
      const { from = 1, times = 1 } = rule;
      const nth = ++rule.seen;
      if (nth >= from && nth < from + times) await rule.strike();
    }
  }
}
