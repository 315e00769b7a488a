import type { DuckDBConnection } from '@duckdb/node-api';

const ATTEMPTS = 5;

/** This closes a result that was not read to its end, too. */
export async function endTransaction(connection: DuckDBConnection): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.run('ROLLBACK');
      return;
    } catch (error) {
      if (/no transaction is active/i.test(String(error))) return;
      // The last interruption of the query may have come to this statement.
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
