import { dirname } from 'node:path';
import type { Catalog, FileSystem } from '@openwit/ports';
import { unfinishedName } from '../../packages/storage/src/file-paths.ts';
import { DATA_PATH, type Node } from './node.ts';
import { readRows, rowsOf } from './sim-files.ts';
import type { Mutation } from './world.ts';

/** Mistakes that somebody could make, each as a collaborator that does something else than it was asked to. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a file is renamed before it is synced': { fileSystem: (own) => renamingEarly(own) },
  'a new file is not synced': { fileSystem: (own) => ({ ...own, open: unsynced(own, /\.parquet\.tmp$/) }) },
  'a new index is not synced': { fileSystem: (own) => ({ ...own, open: unsynced(own, /\.index\.tmp$/) }) },
  'an index is where its file was': {
    catalog: (own) =>
      changed(own, {
        setIndex: (wanted) => own.setIndex({ ...wanted, index: wanted.index && { ...wanted.index, name: '00000000' } }),
      }),
  },
  'the log is not synced': { fileSystem: (own) => ({ ...own, open: unsynced(own, /\.wal$/) }) },
  'the folder of a new file is not synced': { fileSystem: (own) => syncingNoFolder(own, /\/parquet\//) },
  'the folder of the log is not synced': { fileSystem: (own) => syncingNoFolder(own, /\/wal$/) },
  'a failed append is not cut off the log': {
    fileSystem: (own) => ({
      ...own,
      open: async (path, mode) => ({ ...(await own.open(path, mode)), truncate: async () => {} }),
    }),
  },
  'an upload is not announced': { catalog: (own) => changed(own, { announce: async () => {} }) },
  'a merge replaces nothing': {
    catalog: (own) =>
      changed(own, {
        commit: (wanted) => own.commit({ ...wanted, replaces: wanted.files.length > 0 ? [] : wanted.replaces }),
      }),
  },
  'a batch is committed without its range': {
    catalog: (own) => changed(own, { commit: (wanted) => own.commit({ ...wanted, ranges: [] }) }),
  },
  'a source is said to be further than it is': {
    catalog: (own) =>
      changed(own, {
        commit: (wanted) =>
          own.commit({ ...wanted, sources: wanted.sources.map(({ source, next }) => ({ source, next: next + 3 })) }),
      }),
  },
  'ranges are forgotten at once': {
    catalog: (own) =>
      changed(own, {
        commit: async (wanted) => {
          const files = await own.commit(wanted);
          await own.forgetRanges(wanted.ranges.map(({ batchId }) => batchId));
          return files;
        },
      }),
  },
  'the old file of a move goes before the catalog knows the new one': {
    catalog: (own, fileSystem) =>
      changed(own, {
        move: async (wanted) => {
          if (!wanted.from.includes('://')) await fileSystem.remove(wanted.from);
          return own.move(wanted);
        },
      }),
  },
  'garbage is forgotten before it is removed': {
    catalog: (own) =>
      changed(own, {
        garbage: async () => {
          const garbage = await own.garbage();
          await own.forgetGarbage(garbage.map(({ path }) => path));
          return garbage;
        },
      }),
  },
  'snapshots expire at once, whoever reads them': { node: pinningNothing },
  'a merge loses a row': {
    store: (made, fileSystem) => ({
      ...made,
      merger: { ...made.merger!, merge: (request) => shortened(made, request, fileSystem) },
    }),
  },
  'rows that are to go are written anew': {
    store: (made) => ({
      ...made,
      merger: {
        ...made.merger!,
        merge: (request) =>
          made.merger!.merge({ ...request, inputs: request.inputs.map((input) => ({ ...input, withoutRows: [] })) }),
      },
    }),
  },
  'the log lets go of a batch before its file is committed': { node: releasingEarly },
  'leftovers of a crash are not looked for': {
    fileSystem: (own) => ({ ...own, list: async (path) => (path.startsWith(DATA_PATH) ? [] : own.list(path)) }),
  },
  'strays in the buckets are not looked for': { catalog: (own) => changed(own, { adopt: async () => 0 }) },
  'a clock that jumped is believed at once': {
    settings: (settings) => ({ ...settings, store: { ...settings.store, clockConfirmMs: 0 } }),
  },
  'a tenant is dropped in memory alone': { catalog: (own) => changed(own, { dropTenant: async () => {} }) },
};

function changed<T extends Catalog>(catalog: T, changes: Partial<Catalog>): T {
  return new Proxy(catalog, {
    get: (target, key) => {
      const own = Reflect.get(changes, key) ?? Reflect.get(target, key);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

function unsynced(own: FileSystem, which: RegExp): FileSystem['open'] {
  return async (path, mode) => {
    const file = await own.open(path, mode);
    return which.test(path) ? { ...file, sync: async () => {} } : file;
  };
}

function syncingNoFolder(own: FileSystem, which: RegExp): FileSystem {
  return { ...own, syncFolder: async (path) => (which.test(path) ? undefined : own.syncFolder(path)) };
}

/** The sync comes, but behind the rename, and nobody waits for it. */
function renamingEarly(own: FileSystem): FileSystem {
  const late = new Set<string>();
  return {
    ...own,
    open: async (path, mode) => {
      const file = await own.open(path, mode);
      return path.endsWith('.parquet.tmp') ? { ...file, sync: async () => void late.add(path) } : file;
    },
    syncFolder: async (path) => {
      await own.syncFolder(path);
      for (const unfinished of [...late]) {
        if (dirname(unfinished) !== path) continue;
        late.delete(unfinished);
        void syncNow(own, unfinished.slice(0, -unfinishedName('').length)).catch(() => {});
      }
    },
  };
}

async function syncNow(own: FileSystem, path: string): Promise<void> {
  const file = await own.open(path, 'write');
  await file.sync();
  await file.close();
}

/** Its snapshots keep nothing for whoever reads them. */
function pinningNothing({ store }: Node): void {
  const snapshot = store.snapshot.bind(store);
  store.snapshot = (tenant, tables) => {
    const taken = snapshot(tenant, tables);
    taken.release();
    return taken;
  };
}

function releasingEarly({ store, wal }: Node): void {
  const append = store.append.bind(store);
  store.append = (batch) => {
    wal.release(batch.range);
    return append(batch);
  };
}

async function shortened(
  made: Parameters<NonNullable<Mutation['store']>>[0],
  request: Parameters<NonNullable<typeof made.merger>['merge']>[0],
  fileSystem: FileSystem,
): ReturnType<NonNullable<typeof made.merger>['merge']> {
  const [file, ...others] = await made.merger!.merge(request);
  if (file === undefined) return others;
  const rows = await readRows(fileSystem, unfinishedName(file.path));
  return rows.length < 2
    ? [file, ...others]
    : [{ ...file, rows: rowsOf(Buffer.from(JSON.stringify(rows.slice(1)))).length }, ...others];
}
