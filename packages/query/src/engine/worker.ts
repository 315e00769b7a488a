import { parentPort, workerData } from 'node:worker_threads';
import { transferables } from '../results/column-buffers.ts';
import { Database } from './database.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import { QueryRun, type Send } from './query-run.ts';
import type { DatabaseSettings } from './settings.ts';

/** The thread that DuckDB's callbacks run on. What is thrown here ends it, and the engine starts another. */
const port = parentPort!;
const database = await Database.open(workerData as DatabaseSettings);
const runs = new Map<number, QueryRun>();

const send: Send = (message: FromWorker, columns = []) => port.postMessage(message, transferables(columns));

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'query': {
      const { id } = message.request;
      const run = new QueryRun(database, message.request, send);
      runs.set(id, run);
      void run.run().finally(() => runs.delete(id));
      return;
    }
    case 'next':
      runs.get(message.id)?.next();
      return;
    case 'cancel':
      runs.get(message.id)?.cancel();
      return;
    case 'close':
      database.close();
      port.close();
      return;
    default:
      throw new Error(`there is no such message, kind=${(message as { kind: unknown }).kind}`);
  }
});
send({ kind: 'ready' });
