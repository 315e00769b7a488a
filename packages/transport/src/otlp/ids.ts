import type { ByteRange } from './fields.ts';
import type { Nullable } from './fixed-columns.ts';
import type { TextColumn } from './text-column.ts';

export const TRACE_ID_BYTES = 16;
export const SPAN_ID_BYTES = 8;

/** What is wrong with an id that has to be there; empty when nothing is. */
export function requiredIdProblem(bytes: Uint8Array, id: ByteRange, wanted: number): string {
  const problem = linkedIdProblem(id, wanted);
  return problem === '' && id.isZero(bytes) ? 'is all zeros' : problem;
}

/** What is wrong with an id that a link names: it may be all zeros, the invalid span context of the SDKs. */
export function linkedIdProblem(id: ByteRange, wanted: number): string {
  return id.length === wanted ? '' : `has ${id.length} bytes instead of ${wanted}`;
}

/** What is wrong with an id that may be left out; empty when nothing is. */
export function optionalIdProblem(id: ByteRange, wanted: number): string {
  return id.length === 0 ? '' : linkedIdProblem(id, wanted);
}

/** Writes an id in lower-case hex; none and all zeros are NULL. */
export function setOptionalId(column: Nullable<TextColumn>, row: number, bytes: Uint8Array, id: ByteRange): void {
  const isThere = !id.isZero(bytes);
  column.setValid(row, isThere);
  if (isThere) column.column.setHex(row, bytes, id);
  else column.column.end(row);
}
