import type { Session } from '../sql/session.ts';

const ATTEMPTS = 5;

/** This closes a result that was not read to its end, too. */
export async function endTransaction(session: Pick<Session, 'rollback'>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await session.rollback();
      return;
    } catch (error) {
      if (/no transaction is active/i.test(String(error))) return;
      // The last interruption of the query may have come to this statement.
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
