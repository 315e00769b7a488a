import { parentPort, workerData } from 'node:worker_threads';
import { errorToMessage } from '@openwit/ports';
import { transferables } from '../results/column-buffers.ts';
import { Databases } from './databases.ts';
import { KnownFileLists } from './file-lists.ts';
import type { QueryRequest, ToWorker } from './protocol.ts';
import { QueryRun, type Send } from './query-run.ts';
import type { DatabaseSettings } from './settings.ts';

/** The thread that DuckDB's callbacks run on. */
const port = parentPort!;
const runs = new Map<number, QueryRun>();
const fileLists = new KnownFileLists();
let isDying = false;

// DuckDB calls into a thread that is gone would end the process: on a bug here, queries are stopped before the thread is.
process.on('uncaughtException', (error) => {
  if (!isDying) port.postMessage({ kind: 'dying', error: errorToMessage(error) });
  isDying = true;
  for (const run of runs.values()) run.cancel();
  exitWhenIdle();
});

const databases = await Databases.open(workerData as DatabaseSettings);
const send: Send = (message, columns = []) => port.postMessage(message, transferables(columns));

port.on('message', (message: ToWorker) => {
  if (isDying) return;
  switch (message.kind) {
    case 'query':
      start(withFiles(message));
      return;
    case 'next':
      runs.get(message.id)?.next();
      return;
    case 'localised':
      runs.get(message.id)?.localised(message.paths);
      return;
    case 'localisedIndexes':
      runs.get(message.id)?.localisedIndexes(message.indexes);
      return;
    case 'cancel':
      runs.get(message.id)?.cancel();
      return;
    case 'close':
      close();
      return;
    default:
      throw new Error(`there is no such message, kind=${(message as { kind: unknown }).kind}`);
  }
});

function withFiles({ request, files }: Extract<ToWorker, { kind: 'query' }>): QueryRequest {
  const tables = files.map(([name, change]) => [name, { ...request.tables[name]!, files: fileLists.apply(change) }]);
  return { ...request, tables: Object.fromEntries(tables) };
}

function start(request: QueryRequest): void {
  const run = new QueryRun(databases.current, request, send);
  runs.set(request.id, run);
  void run.run().finally(() => {
    runs.delete(request.id);
    databases.tidy();
    exitWhenIdle();
  });
}

/** The thread ends by itself then: `process.exit()` below a native callback would end the process. */
function close(): void {
  void databases.close().then(() => port.close());
}

function exitWhenIdle(): void {
  if (isDying && runs.size === 0) close();
}
