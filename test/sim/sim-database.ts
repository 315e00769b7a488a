import { OpenWitError } from '@openwit/ports';
import type { SqlDatabase } from '../../packages/storage/src/catalog/sql-database.ts';
import type { Hostility } from './hostility.ts';
import type { Life, Scheduler } from './scheduler.ts';

export interface DatabaseParts {
  readonly scheduler: Scheduler;
  readonly hostility: Hostility;
  /** What survives every process. */
  readonly durable: SqlDatabase;
}

/** So many reads go with a transaction. */
const READS = 20;

/** The catalog's database as one process has it: a transaction may fail before it takes effect, or its answer is lost. */
export function simDatabase({ scheduler, hostility, durable }: DatabaseParts, life: Life): SqlDatabase {
  const step = async <T>(label: string, run: () => Promise<T>): Promise<T> => {
    await scheduler.turn(life, label);
    const result = await scheduler.traced(label, async () => {
      const fate = hostility.fate('database', label === 'transaction' ? 1 : READS);
      if (fate === 'before') throw unavailable(label);
      const answer = await run();
      if (fate === 'after') throw unavailable(label);
      return answer;
    });
    // The answer comes when others have gone on.
    if (scheduler.random.below(4) === 0) await scheduler.turn(life, `answer of ${label}`);
    return result;
  };
  return {
    dialect: durable.dialect,
    exec: (script) => step('exec', () => durable.exec(script)),
    run: (sql, ...values) => step('run', () => durable.run(sql, ...values)),
    get: (sql, ...values) => step('get', () => durable.get(sql, ...values)),
    all: (sql, ...values) => step('all', () => durable.all(sql, ...values)),
    insert: (table, columns, rows) => step('insert', () => durable.insert(table, columns, rows)),
    transaction: (body) => step('transaction', () => durable.transaction(body)),
    cutLog: () => step('cut the log', () => durable.cutLog()),
    close: async () => {},
  };
}

function unavailable(label: string): OpenWitError {
  return new OpenWitError('unavailable', 'STORE_UNAVAILABLE', `injected failure, statement=${label}`);
}
