import type { Data, RecordBatch, Vector } from 'apache-arrow';

/**
 * A batch as batches of the same rows with some of its columns each, of at most `maxBytes` where a column has not more.
 * Columns that share a dictionary stay together.
 */
export function columnParts(batch: RecordBatch, maxBytes: number): RecordBatch[] {
  const parts: number[][] = [];
  let room = 0;
  for (const { columns, bytes } of columnSets(batch)) {
    if (parts.length === 0 || bytes > room) {
      parts.push([]);
      room = maxBytes;
    }
    parts.at(-1)!.push(...columns);
    room -= bytes;
  }
  return parts.length === 1 ? [batch] : parts.map((columns) => batch.selectAt(columns));
}

interface ColumnSet {
  readonly columns: number[];
  bytes: number;
}

/** Columns, with those that share a dictionary. */
function columnSets(batch: RecordBatch): Iterable<ColumnSet> {
  const owners = new Map<Vector, ColumnSet>();
  const sets = new Set<ColumnSet>();
  batch.data.children.forEach((data, i) => {
    const dictionaries = dictionariesOf(data);
    const known = dictionaries.map((dictionary) => owners.get(dictionary)).find((set) => set !== undefined);
    const set = known ?? { columns: [], bytes: 0 };
    set.columns.push(i);
    set.bytes += data.byteLength;
    for (const dictionary of dictionaries) {
      if (owners.has(dictionary)) continue;
      owners.set(dictionary, set);
      set.bytes += dictionary.byteLength;
    }
    sets.add(set);
  });
  return sets;
}

function dictionariesOf(data: Data): Vector[] {
  const inside = data.children.flatMap((child) => dictionariesOf(child));
  return data.dictionary === undefined ? inside : [data.dictionary, ...inside];
}
