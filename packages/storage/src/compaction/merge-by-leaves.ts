import { rmSync } from 'node:fs';
import { isOpenWitError } from '@openwit/ports';
import { unfinishedName } from '../file-paths.ts';
import type { KeyInput } from '../leaves/key-runs.ts';
import { LeafFile } from '../leaves/leaf-file.ts';
import { type LeafMergeSettings, mergeLeaves } from '../leaves/merge-leaves.ts';
import { SORT_COLUMNS } from '../parquet/sort-order.ts';
import { storedColumns } from '../parquet/stored-layout.ts';
import type { MergedFile, MergeInput, MergeOutput, MergeRequest, MergeSettings } from './merge-request.ts';
import { columnsOf, fieldIdsOf, layoutOf } from './merged-layout.ts';
import { writeMerged } from './merged-writes.ts';

/** Of the memory, for the rows that are merged at a time: beside one leaf of them there are the chunks of all, compressed. */
const SHARE_OF_ROWS = 1 / 8;

/**
 * Merges files that have the same columns, without a look at what is in them.
 * @returns the files that got rows; undefined when the inputs are of another form, and nothing of use was written
 */
export async function mergeByLeaves(
  request: MergeRequest,
  settings: MergeSettings,
  isStopped: () => boolean,
): Promise<MergedFile[] | undefined> {
  if (!haveSameColumns(request.inputs)) return undefined;
  const inputs: KeyInput[] = [];
  try {
    for (const { path, withoutRows = [] } of request.inputs) {
      inputs.push({ file: LeafFile.open(path), withoutRows: withoutRows.toSorted((a, b) => a - b) });
    }
    if (!haveSameSchema(inputs)) return undefined;
    const made: MergedFile[] = [];
    for (const output of request.outputs) {
      const file = await mergedFile(request, output, inputs, settings, isStopped);
      if (file === undefined) rmSync(unfinishedName(output.path));
      else made.push(file);
    }
    return made;
  } catch (error) {
    if (!isForSql(error)) throw error;
    for (const { path } of request.outputs) rmSync(unfinishedName(path), { force: true });
    return undefined;
  } finally {
    for (const { file } of inputs) file.close();
  }
}

/** What is damaged is told by DuckDB, or read by it after all; a disk that is full or a merge that was stopped is no better there. */
function isForSql(error: unknown): boolean {
  return error instanceof Error && !('syscall' in error) && !(isOpenWitError(error) && error.code === 'CLOSED');
}

function haveSameColumns(inputs: readonly MergeInput[]): boolean {
  const ids = ({ attributeColumnIds }: MergeInput) => String(attributeColumnIds.toSorted());
  return inputs.every((input) => ids(input) === ids(inputs[0]!));
}

function haveSameSchema(inputs: readonly KeyInput[]): boolean {
  return inputs.every(({ file }) => file.schema === inputs[0]!.file.schema);
}

async function mergedFile(
  request: MergeRequest,
  output: MergeOutput,
  inputs: readonly KeyInput[],
  { memoryLimitBytes, maxPieceRows = Number.POSITIVE_INFINITY }: MergeSettings,
  isStopped: () => boolean,
): Promise<MergedFile | undefined> {
  const { table } = request;
  const columns = columnsOf(request, request.inputs[0]!.attributeColumnIds);
  const isEmpty = (name: string) => request.inputs.every(({ emptyColumns }) => emptyColumns.includes(name));
  const emptyColumns = storedColumns(table)
    .map(({ name }) => name)
    .filter(isEmpty);
  const settings: LeafMergeSettings = {
    layout: layoutOf(table, columns),
    sortColumns: SORT_COLUMNS[table],
    fieldIdOf: fieldIdsOf(request, columns),
    emptyColumns: new Set(emptyColumns),
    pieceBytes: SHARE_OF_ROWS * memoryLimitBytes,
    maxRows: maxPieceRows,
    isStopped,
  };
  const merged = await writeMerged(output, (write) => mergeLeaves(inputs, output, settings, write));
  const attributeColumnIds = columns.map(({ fieldId }) => fieldId);
  return merged && { path: output.path, ...merged, attributeColumnIds, emptyColumns };
}
