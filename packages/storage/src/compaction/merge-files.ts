import { mkdirSync, rmSync } from 'node:fs';
import { OpenWitError } from '@openwit/ports';
import { unfinishedName } from '../file-paths.ts';
import { mergeByLeaves } from './merge-by-leaves.ts';
import { mergeBySql } from './merge-by-sql.ts';
import { MergeDatabase } from './merge-database.ts';
import type { MergedFile, MergeInput, MergeRequest, MergeSettings } from './merge-request.ts';
import { columnsOf, layoutOf } from './merged-layout.ts';
import { identifier, readParquet } from './sql-text.ts';

/**
 * Merges files, sorted by their key, into files sorted by it. Files with the same columns are merged by their leaves; those whose
 * attributes are columns here and in the map there, and files of other writers, by SQL.
 * @returns the files that got rows
 * @throws closed / CLOSED when it was stopped
 */
export async function mergeFiles(
  request: MergeRequest,
  settings: MergeSettings,
  isStopped: () => boolean,
): Promise<MergedFile[]> {
  mkdirSync(settings.tempDir, { recursive: true });
  const database = await MergeDatabase.open(settings, isStopped);
  try {
    const made = (await mergeByLeaves(request, settings, isStopped)) ?? (await mergeBySql(request, settings, database));
    await database.letGo(settings.memoryLimitBytes);
    const [wanted, got] = [wantedRows(request.inputs), made.reduce((sum, { rows }) => sum + rows, 0)];
    if (got !== wanted) {
      const message = `a merge has other rows than its inputs, wanted=${wanted} got=${got}`;
      throw new OpenWitError('internal', 'INTERNAL', message);
    }
    for (const file of made) await prove(file, request, database);
    return made;
  } catch (error) {
    for (const { path } of request.outputs) rmSync(unfinishedName(path), { force: true });
    throw error;
  } finally {
    database.close();
  }
}

/** Rows that had no place in any output would be lost with the inputs. */
function wantedRows(inputs: readonly MergeInput[]): number {
  return inputs.reduce((sum, { rows, withoutRows = [] }) => sum + rows - new Set(withoutRows).size, 0);
}

/** The inputs will be removed: what replaces them has to be read once, by its columns' names, as a query does. */
async function prove(file: MergedFile, request: MergeRequest, database: MergeDatabase): Promise<void> {
  const path = unfinishedName(file.path);
  const columns = layoutOf(request.table, columnsOf(request, file.attributeColumnIds))
    .map(({ name }) => identifier(name))
    .join(', ');
  const [read] = await database.query(
    `SELECT count(*), epoch_ns(min("timestamp")), epoch_ns(max("timestamp"))
     FROM (SELECT ${columns} FROM ${readParquet([path])})`,
  );
  // A value of each column.
  await database.query(`SELECT ${columns} FROM ${readParquet([path])} LIMIT 1`);
  const { rows, minTimestampNs, maxTimestampNs } = file;
  if ([BigInt(rows), minTimestampNs, maxTimestampNs].some((value, i) => value !== read![i])) {
    const message = `a merged file is read with other rows than were written, path=\`${path}\``;
    throw new OpenWitError('internal', 'INTERNAL', message);
  }
}
