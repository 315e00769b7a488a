import { type DataFile, indexPath } from '@openwit/ports';
import { Violation } from '../ledger.ts';
import type { Node } from '../node.ts';
import { SIGNALS, TENANTS } from '../run-settings.ts';
import type { Life } from '../scheduler.ts';
import { type Row, rowsOfBatch } from '../sim-files.ts';
import { contentOf } from '../stored-content.ts';
import type { World } from '../world.ts';

const LONGEST_PAUSE_MS = 4000;
const LONGEST_READ_MS = 9000;

/** Takes a snapshot of a table, reads it slowly, some of it twice, and holds it against what was promised. */
export async function query(world: World, life: Life, node: Node): Promise<void> {
  const { scheduler, random, ledger } = world;
  for (;;) {
    await scheduler.sleep(life, random.below(LONGEST_PAUSE_MS), 'querier');
    const tenant = random.pick(TENANTS);
    const table = random.pick(SIGNALS);
    if (node.isClosed || world.isResting) return;
    const { stored, open } = node.snapshot(tenant, table);
    const expected = ledger.expect(tenant, table);
    const where = `snapshot of ${tenant}/${table} at event ${scheduler.trace.lines}`;
    const { batches, files } = stored.tables.get(table)!;
    const copies = batches.map(({ batch }) => rowsOfBatch(table, batch));
    const rows: Row[] = [...open, ...copies.flat()];
    try {
      for (const file of files) {
        await scheduler.sleep(life, random.below(LONGEST_READ_MS / (files.length + 1)), `read ${file.path}`);
        rows.push(...(await fileOf(world, where, file)));
      }
      ledger.check(
        where,
        expected,
        rows.map(([id]) => id),
      );
      // It may be mistaken, and all goes on.
      if (files.length > 0 && random.below(20) === 0) stored.indexIsDamaged!(table, random.pick(files));
      if (files.length > 0 && random.below(3) === 0) {
        await scheduler.sleep(life, random.below(LONGEST_READ_MS), 'read again');
        await fileOf(world, where, random.pick(files));
        if (batches.some(({ batch }, i) => String(rowsOfBatch(table, batch)) !== String(copies[i]))) {
          throw new Violation(`${where}: a batch in memory has changed`);
        }
      }
    } catch (error) {
      scheduler.fail(error);
    } finally {
      stored.release();
    }
  }
}

async function fileOf(world: World, where: string, file: DataFile): Promise<Row[]> {
  const rows = await contentOf(world, file.path);
  if (rows === undefined) throw new Violation(`${where}: a file is not there any more, path=${file.path}`);
  if (rows.length !== file.rows) throw new Violation(`${where}: a file has ${rows.length} rows, not ${file.rows}`);
  const index = file.index && indexPath(file.path, file.index);
  if (index !== undefined && (await contentOf(world, index)) === undefined) {
    throw new Violation(`${where}: an index is not there any more, path=${index}`);
  }
  return rows;
}
