import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OpenWit } from '@openwit/core';
import { nodeFileSystem, systemClock } from '@openwit/ports';
import { LsmStore, SqliteCatalog } from '@openwit/storage';
import { HOUR_NS, makeManyFiles, START_NS } from './many-files.ts';
import { median } from './server.ts';

export interface FilesFigures {
  readonly files: number;
  readonly attributeColumns: number;
  /** The first in a process, and the median of those after it. */
  readonly storeOpen: Times;
  readonly nodeOpen: Times;
  /** A query over an hour without files: what planning takes at the most, as it runs too. */
  readonly emptyHour: Times;
  /** The same when each query finds files that it did not know: a batch was flushed before it. */
  readonly emptyHourAfterFlush: Times;
  /** A query over an hour with its files. */
  readonly oneHour: Times & { readonly filesRead: number };
  /** A query over all files. */
  readonly everything: Times;
  /** The longest that the main thread did nothing else, in milliseconds, while the queries of an empty hour ran. */
  readonly longestTurnMs: number;
}

export interface Times {
  readonly firstMs: number;
  readonly medianMs: number;
}

const OPENS = 5;
const QUERIES = 31;
/** No file is merged: what is measured is a store of many. */
const STORAGE = { compaction: { minFiles: 2 ** 31, quietMs: 2 ** 31 - 1 } };

/** What files cost that a query does not read. */
export async function benchFiles({ files }: { readonly files: number }): Promise<FilesFigures> {
  const made = await makeManyFiles(files);
  const { dataDir } = made;
  try {
    const storeOpen = await times(OPENS, () => openStore(dataDir));
    const nodeOpen = await times(OPENS, async () => {
      const wit = await OpenWit.open({ dataDir, storage: STORAGE });
      return () => wit.close();
    });
    await using wit = await OpenWit.open({ dataDir, storage: STORAGE });
    const hour = (from: bigint) =>
      `select count(*) as n from traces where timestamp >= make_timestamp_ns(${from}) and timestamp < make_timestamp_ns(${from + HOUR_NS})`;
    const ask = async (sql: string) => {
      const result = await wit.query(sql);
      await result.rows();
      return result;
    };
    await ask('select 1');
    const turns = watchTurns();
    const emptyHour = await times(QUERIES, async () => void (await ask(hour(START_NS - 3n * HOUR_NS))));
    const longestTurnMs = turns.stop();
    let filesRead = 0;
    const oneHour = await times(QUERIES, async () => {
      filesRead = (await ask(hour(START_NS + 100n * HOUR_NS))).stats.filesRead;
    });
    const emptyHourAfterFlush = await times(
      QUERIES,
      async () => void (await ask(hour(START_NS - 3n * HOUR_NS))),
      async () => {
        await wit.ingest({ tenant: 'default', signal: 'traces', payload: made.request });
        await wit.flush();
      },
    );
    const everything = await times(3, async () => void (await ask('select count(*) as n from traces')));
    const { attributeColumns } = made;
    return {
      files,
      attributeColumns,
      storeOpen,
      nodeOpen,
      emptyHour,
      emptyHourAfterFlush,
      oneHour: { ...oneHour, filesRead },
      everything,
      longestTurnMs,
    };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function openStore(dataDir: string): Promise<() => Promise<void>> {
  const dataPath = join(dataDir, 'parquet');
  const catalog = await SqliteCatalog.open({ clock: systemClock }, { path: join(dataDir, 'catalog.sqlite'), dataPath });
  const store = await LsmStore.open(
    { catalog, fileSystem: nodeFileSystem, clock: systemClock },
    { dataPath, nodeId: catalog.nodeId, ...STORAGE },
  );
  return async () => {
    await store.close();
    await catalog.close();
  };
}

/** What `run` returns undoes it, outside the time. */
async function times(
  count: number,
  run: () => Promise<void | (() => Promise<void>)>,
  prepare: () => Promise<void> = async () => {},
): Promise<Times> {
  const taken: number[] = [];
  for (let i = 0; i < count; i++) {
    await prepare();
    const began = performance.now();
    const undo = await run();
    taken.push(performance.now() - began);
    await undo?.();
  }
  return { firstMs: round(taken[0]!), medianMs: round(median(taken.slice(1))) };
}

function watchTurns(): { stop(): number } {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  return {
    stop: () => {
      clearInterval(timer);
      return round(longest);
    },
  };
}

function round(ms: number): number {
  return Number(ms.toFixed(1));
}
