import type { FileSystem, OpenFile } from '@openwit/ports';
import { type MemoryFileSystem, systemError } from '@openwit/ports/testing';
import type { Hostility } from './hostility.ts';
import type { Life, Scheduler } from './scheduler.ts';

export interface DiskParts {
  readonly scheduler: Scheduler;
  readonly hostility: Hostility;
  readonly memory: MemoryFileSystem;
}

/** An fsync fails more often than the rest, with more to be misunderstood. */
const SYNCS = 1 / 5;

/** The disk as one process has it: each operation waits for its turn, and some fail. */
export function simFileSystem({ scheduler, hostility, memory }: DiskParts, life: Life): FileSystem {
  const { random } = scheduler;
  const step = async <T>(
    operation: string,
    path: string,
    run: () => Promise<T>,
    half: () => Promise<void> = async () => {},
  ): Promise<T> =>
    scheduler.perform(life, `${operation} ${path}`, async () => {
      if (!hostility.fails('file', operation === 'sync' ? SYNCS : 1)) return run();
      await half();
      throw systemError(random.pick(['EIO', 'ENOSPC', 'EMFILE']), `${operation} ${path}`);
    });

  const opened = (path: string, file: OpenFile): OpenFile => ({
    write: async (pieces, position) => {
      const bytes = Buffer.concat(pieces);
      const cut = random.below(4) === 0 ? random.below(bytes.length + 1) : bytes.length;
      const tear = (): Promise<void> => file.write([bytes.subarray(0, random.below(cut + 1))], position);
      await step('write', path, () => file.write([bytes.subarray(0, cut)], position), tear);
      if (cut < bytes.length) await step('write', path, () => file.write([bytes.subarray(cut)], position + cut));
    },
    read: (target, position) => step('read', path, () => file.read(target, position)),
    size: () => step('size', path, () => file.size()),
    truncate: (length) => step('truncate', path, () => file.truncate(length)),
    sync: () =>
      step(
        'sync',
        path,
        () => file.sync(),
        async () => memory.loseUnsynced(path, random),
      ),
    close: () => step('close', path, () => file.close()),
  });

  return {
    open: async (path, mode) => opened(path, await step(`open ${mode}`, path, () => memory.open(path, mode))),
    list: (path) => step('list', path, () => memory.list(path)),
    link: (path, name) => step('link', name, () => memory.link(path, name)),
    rename: (from, to) => step('rename', to, () => memory.rename(from, to)),
    remove: (path) => step('remove', path, () => memory.remove(path)),
    makeFolder: (path) => step('makeFolder', path, () => memory.makeFolder(path)),
    syncFolder: (path) => step('syncFolder', path, () => memory.syncFolder(path)),
  };
}
