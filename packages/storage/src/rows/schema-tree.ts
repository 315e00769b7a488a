import { ELEMENT, FILE, REPETITION } from '../parquet/metadata-fields.ts';
import { integer, structsIn, type ThriftStruct } from '../parquet/thrift.ts';

/** A part of a file's schema. */
export interface SchemaNode {
  readonly name: string;
  /** The definition level at which it is there. */
  readonly definition: number;
  /** The repetition level of another one of it, where it is repeated; else of what it is in. */
  readonly repetition: number;
  readonly isRepeated: boolean;
  readonly children: readonly SchemaNode[];
  /** Its leaves, by their places in a row group, from the first to behind the last. */
  readonly firstLeaf: number;
  readonly endLeaf: number;
}

/** The columns at the top, by their names. */
export function schemaTree(footer: ThriftStruct): ReadonlyMap<string, SchemaNode> {
  const elements = structsIn(footer, FILE.schema);
  let at = 1;
  let leaves = 0;
  const read = (definition: number, repetition: number): SchemaNode => {
    const element = elements[at++]!;
    const kind = integer(element, ELEMENT.repetition);
    const isRepeated = kind === REPETITION.repeated;
    const own = {
      definition: definition + Number(kind !== REPETITION.required),
      repetition: repetition + Number(isRepeated),
    };
    const firstLeaf = leaves;
    const count = integer(element, ELEMENT.children) ?? 0;
    const children = Array.from({ length: count }, () => read(own.definition, own.repetition));
    if (count === 0) leaves++;
    return { name: nameOf(element), ...own, isRepeated, children, firstLeaf, endLeaf: leaves };
  };
  const columns = new Map<string, SchemaNode>();
  while (at < elements.length) {
    const column = read(0, 0);
    columns.set(column.name, column);
  }
  return columns;
}

function nameOf({ fields }: ThriftStruct): string {
  const name = fields[ELEMENT.name];
  return name?.type === 'binary' ? Buffer.from(name.bytes).toString() : '';
}
