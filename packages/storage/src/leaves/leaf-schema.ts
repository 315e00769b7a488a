import { schemaColumns } from '../parquet/file-schema.ts';
import { ELEMENT, FILE, REPETITION } from '../parquet/metadata-fields.ts';
import { integer, structsIn, type ThriftStruct, writeThrift } from '../parquet/thrift.ts';
import { UnknownForm } from './unknown-form.ts';

/** A column without parts: what Parquet stores. */
export interface Leaf {
  /** The names from the top. */
  readonly path: readonly string[];
  readonly kind: LeafKind;
  /** The definition level of a value that is there. */
  readonly maxDefinition: number;
  /** Above 0 inside of lists and maps. */
  readonly maxRepetition: number;
}

/** The physical types that the stored columns have. */
export type LeafKind = 'boolean' | 'int32' | 'int64' | 'double' | 'text';

const KINDS: Readonly<Record<number, LeafKind>> = { 0: 'boolean', 1: 'int32', 2: 'int64', 5: 'double', 6: 'text' };

/** What tells a schema from others: the types and the field ids of all columns too. */
export function schemaKey(footer: ThriftStruct): string {
  return structsIn(footer, FILE.schema)
    .slice(1)
    .map((element) => Buffer.from(writeThrift(element)).toString('base64'))
    .join();
}

/** The field ids of the columns at the top, by their names. */
export function topFieldIds(footer: ThriftStruct): Map<string, number | undefined> {
  const columns = schemaColumns(structsIn(footer, FILE.schema));
  return new Map(columns.map(({ name, elements }) => [name, integer(elements[0]!, ELEMENT.fieldId)]));
}

/** @returns the leaves of a file in the order of a row group's chunks @throws UnknownForm for another physical type */
export function leavesOf(footer: ThriftStruct): Leaf[] {
  const elements = structsIn(footer, FILE.schema);
  const leaves: Leaf[] = [];
  let at = 1;
  const walk = (parents: readonly string[], definition: number, repetition: number): void => {
    const element = elements[at++]!;
    const path = [...parents, nameOf(element)];
    const kind = integer(element, ELEMENT.repetition);
    const maxDefinition = definition + (kind === REPETITION.required ? 0 : 1);
    const maxRepetition = repetition + (kind === REPETITION.repeated ? 1 : 0);
    const children = integer(element, ELEMENT.children) ?? 0;
    for (let i = 0; i < children; i++) walk(path, maxDefinition, maxRepetition);
    if (children === 0) leaves.push({ path, kind: kindOf(element), maxDefinition, maxRepetition });
  };
  while (at < elements.length) walk([], 0, 0);
  return leaves;
}

/** Words of 32 bits of a value that is no text. */
export function wordsOf({ kind }: Leaf): 1 | 2 {
  return kind === 'int64' || kind === 'double' ? 2 : 1;
}

function kindOf(element: ThriftStruct): LeafKind {
  const type = integer(element, ELEMENT.type);
  const kind = KINDS[type!];
  if (kind === undefined) throw new UnknownForm(`a column of physical type ${type}`);
  return kind;
}

function nameOf({ fields }: ThriftStruct): string {
  const name = fields[ELEMENT.name];
  return name?.type === 'binary' ? Buffer.from(name.bytes).toString() : '';
}
