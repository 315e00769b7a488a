import { type FileSystem, OpenWitError } from '@openwit/ports';
import type { FileMerger, IndexBuilder, LsmStoreCollaborators, MergedFile, MergeRequest } from '@openwit/storage';
import { unfinishedName } from '../../packages/storage/src/file-paths.ts';
import type { Hostility } from './hostility.ts';
import type { Life, Scheduler } from './scheduler.ts';
import { bytesOf, type Row, rowsOfColumns, timesOf } from './sim-files.ts';

export interface WorkerParts {
  readonly scheduler: Scheduler;
  readonly hostility: Hostility;
  readonly life: Life;
}

/** Encodes batches; now and then it finds a key that deserves a column, or its thread dies. */
export function simWriters(parts: WorkerParts): NonNullable<LsmStoreCollaborators['writers']> {
  const { scheduler, hostility, life } = parts;
  return {
    encode: ({ table, rows, columns, attributeColumns, nextFieldId }) =>
      scheduler.perform(life, `encode ${table}`, async () => {
        if (hostility.fails('work')) throw died();
        const all = rowsOfColumns(table, columns, rows);
        const isNew = attributeColumns.length < 3 && scheduler.random.below(6) === 0;
        const key = `key${nextFieldId}`;
        const column = {
          fieldId: nextFieldId,
          map: 'attributes',
          key,
          name: `attributes.${key}`,
          type: 'text',
        } as const;
        const newColumns = isNew ? [column] : [];
        const bytes = Uint8Array.from(bytesOf(all));
        return {
          parts: [bytes],
          sizeBytes: bytes.length,
          ...NO_STATISTICS,
          newColumns,
          attributeColumnIds: [...attributeColumns, ...newColumns].map(({ fieldId }) => fieldId),
          ...timesOf(all),
        };
      }),
    giveBack: () => {},
    close: async () => {},
  };
}

const NO_STATISTICS = { footerBytes: 0, emptyColumns: [], columnStats: [] };

/** Merges one request at a time, in steps between which others go on; it can be stopped at each. */
export function simMerger(
  parts: WorkerParts,
  fileSystem: FileSystem,
  read: (path: string) => Promise<Row[]>,
): Pick<FileMerger, 'merge' | 'close'> {
  const { scheduler, hostility, life } = parts;
  let isClosed = false;
  let last: Promise<unknown> = Promise.resolve();
  const check = (): void => {
    if (isClosed) throw new OpenWitError('closed', 'CLOSED', 'the merger is closed');
    if (hostility.fails('work')) throw died();
  };
  const run = async ({ inputs, outputs }: MergeRequest): Promise<readonly MergedFile[]> => {
    await scheduler.turn(life, `merge ${inputs.length} files`);
    const made: string[] = [];
    try {
      const rows: Row[] = [];
      for (const { path, withoutRows = [] } of inputs) {
        check();
        const gone = new Set(withoutRows);
        rows.push(...(await read(path)).filter((_, i) => !gone.has(i)));
      }
      const files: MergedFile[] = [];
      for (const { path, fromNs, toNs } of outputs) {
        check();
        const own = rows.filter(([, ms]) => fromNs <= BigInt(ms) * 1_000_000n && BigInt(ms) * 1_000_000n < toNs);
        if (own.length === 0) continue;
        const bytes = bytesOf(own.toSorted((a, b) => a[1] - b[1]));
        made.push(unfinishedName(path));
        const file = await fileSystem.open(unfinishedName(path), 'create');
        try {
          for (let at = 0; at < bytes.length; at += 400) await file.write([bytes.subarray(at, at + 400)], at);
        } finally {
          await file.close();
        }
        const facts = { path, rows: own.length, sizeBytes: bytes.length, attributeColumnIds: [] };
        files.push({ ...facts, ...NO_STATISTICS, ...timesOf(own) });
      }
      return files;
    } catch (error) {
      for (const path of made) await fileSystem.remove(path).catch(() => {});
      throw error;
    }
  };
  return {
    merge: (request) => {
      const merged = last.then(() => {
        check();
        return run(request);
      });
      last = merged.catch(() => {});
      return merged;
    },
    close: async () => {
      isClosed = true;
      await last;
    },
  };
}

/** Builds indexes that hold the rows of their files; now and then its thread dies. */
export function simIndexBuilder(
  { scheduler, hostility, life }: WorkerParts,
  fileSystem: FileSystem,
  read: (path: string) => Promise<Row[]>,
): Pick<IndexBuilder, 'build' | 'close'> {
  let isClosed = false;
  return {
    build: async ({ file, columns, path }) => {
      await scheduler.turn(life, 'index a file');
      if (isClosed) throw new OpenWitError('closed', 'CLOSED', 'the builder is closed');
      const bytes = bytesOf(await read(file.path));
      const made = await fileSystem.open(unfinishedName(path), 'create');
      try {
        for (let at = 0; at < bytes.length; at += 400) {
          await made.write([bytes.subarray(at, at + 400)], at);
          if (hostility.fails('work')) throw died();
        }
      } catch (error) {
        await fileSystem.remove(unfinishedName(path)).catch(() => {});
        throw error;
      } finally {
        await made.close();
      }
      return { sizeBytes: bytes.length, endBytes: 1, columns: columns.map(({ name }) => name) };
    },
    close: async () => {
      isClosed = true;
    },
  };
}

function died(): OpenWitError {
  return new OpenWitError('internal', 'INTERNAL', 'injected end of a thread');
}
