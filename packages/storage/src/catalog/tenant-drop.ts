import type { Clock } from '@openwit/ports';
import { addSnapshot, lastSnapshot } from './snapshots.ts';
import type { SqlSession } from './sql-database.ts';

/** Ends a tenant's schema with all that is in it; older snapshots have it until they expire. */
export async function dropTenant(sql: SqlSession, clock: Clock, tenant: string): Promise<void> {
  const schema = await sql.get(
    'SELECT schema_id FROM ducklake_schema WHERE schema_name = ? AND end_snapshot IS NULL',
    tenant,
  );
  if (schema === undefined) return;
  const schemaId = schema.schema_id as number;
  const rows = await sql.all(
    'SELECT table_id FROM ducklake_table WHERE schema_id = ? AND end_snapshot IS NULL ORDER BY table_id',
    schemaId,
  );
  const tableIds = rows.map(({ table_id }) => table_id as number);
  const changes = [...tableIds.map((id) => `dropped_table:${id}`), `dropped_schema:${schemaId}`];
  const last = await lastSnapshot(sql);
  const { snapshotId } = await addSnapshot(sql, clock, last, { changes, objects: 0, files: 0, isAltered: true });
  for (const tableId of tableIds) {
    for (const table of ['ducklake_data_file', 'ducklake_column', 'ducklake_table']) {
      await sql.run(
        `UPDATE ${table} SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL`,
        snapshotId,
        tableId,
      );
    }
  }
  await sql.run('UPDATE ducklake_schema SET end_snapshot = ? WHERE schema_id = ?', snapshotId, schemaId);
}
