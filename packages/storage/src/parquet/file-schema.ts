import { CHUNK, ELEMENT, META } from './metadata-fields.ts';
import { i32, integer, type ThriftStruct, withFields } from './thrift.ts';

/** A column at the top of a schema: its element, then those of what is in it, depth first. */
export interface SchemaColumn {
  readonly name: string;
  readonly elements: readonly ThriftStruct[];
}

/** @param schema as in a footer: the root's element, then all columns, depth first */
export function schemaColumns(schema: readonly ThriftStruct[]): SchemaColumn[] {
  const columns: SchemaColumn[] = [];
  for (let at = 1; at < schema.length; ) {
    const start = at;
    for (let open = 1; open > 0; open--) open += integer(schema[at++]!, ELEMENT.children) ?? 0;
    columns.push({ name: text(schema[start]!, ELEMENT.name), elements: schema.slice(start, at) });
  }
  return columns;
}

export function schemaOf(root: ThriftStruct, columns: readonly SchemaColumn[]): ThriftStruct[] {
  const elements = columns.flatMap((column) => column.elements);
  return [withFields(root, { [ELEMENT.children]: i32(columns.length) }), ...elements];
}

export function metaOf(chunk: ThriftStruct): ThriftStruct {
  return chunk.fields[CHUNK.meta] as ThriftStruct;
}

/** The names from the top to a leaf. */
export function pathOf(chunk: ThriftStruct): string[] {
  const path = metaOf(chunk).fields[META.path];
  const names = path?.type === 'list' ? path.values : [];
  return names.map((name) => (name.type === 'binary' ? Buffer.from(name.bytes).toString() : ''));
}

function text({ fields }: ThriftStruct, id: number): string {
  const value = fields[id];
  return value?.type === 'binary' ? Buffer.from(value.bytes).toString() : '';
}
