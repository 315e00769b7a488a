import type { StoredValue } from '@openwit/ports';
import type { Leaf } from '../leaves/leaf-schema.ts';
import type { LeafPage } from '../leaves/leaf-values.ts';
import type { SchemaNode } from './schema-tree.ts';

/** The levels and values of one leaf in one row, one after the other. */
export class LeafCursor {
  readonly #page: LeafPage;
  readonly #leaf: Leaf;
  #level: number;
  readonly #endLevel: number;
  #value: number;

  /** @param row its place in the page */
  constructor(page: LeafPage, leaf: Leaf, row: number) {
    const { levels } = page;
    this.#page = page;
    this.#leaf = leaf;
    this.#level = levels?.levelAt?.[row] ?? row;
    this.#endLevel = levels?.levelAt?.[row + 1] ?? row + 1;
    this.#value = levels?.valueAt[row] ?? row;
  }

  get definition(): number {
    return this.#page.levels?.definition[this.#level] ?? this.#page.definition;
  }

  /** Of the level that comes; undefined when the row has no more. */
  get repetition(): number | undefined {
    return this.#level < this.#endLevel ? (this.#page.levels?.repetition?.[this.#level] ?? 0) : undefined;
  }

  /** The next value, or null where the level says that there is none. */
  next(): StoredValue {
    const isThere = this.definition === this.#leaf.maxDefinition;
    this.#level++;
    return isThere ? valueAt(this.#page, this.#leaf, this.#value++) : null;
  }
}

/**
 * A value of a column, out of the levels of its leaves: "Dremel: Interactive Analysis of Web-Scale Datasets" (Melnik et al., 2010),
 * section 4.3, for lists and maps as Parquet's LogicalTypes.md lays them out.
 * @param cursors of the leaves of the file, by their places
 */
export function assemble(node: SchemaNode, cursors: readonly (LeafCursor | undefined)[]): StoredValue {
  if (node.children.length === 0) return cursors[node.firstLeaf]!.next();
  const first = cursors[node.firstLeaf]!;
  if (first.definition < node.definition) return skipped(node, cursors, null);
  const [repeated] = node.children as [SchemaNode];
  if (node.children.length > 1 || !repeated.isRepeated) {
    return Object.fromEntries(node.children.map((child) => [child.name, assemble(child, cursors)]));
  }
  const isMap = repeated.children.length > 1;
  if (first.definition < repeated.definition) return skipped(node, cursors, isMap ? new Map() : []);
  const items: StoredValue[][] = [];
  do items.push(repeated.children.map((child) => assemble(child, cursors)));
  while (first.repetition === repeated.repetition);
  return isMap ? new Map(items as [string, StoredValue][]) : items.map(([item]) => item!);
}

/** What is not there has one level of each leaf all the same. */
function skipped(
  { firstLeaf, endLeaf }: SchemaNode,
  cursors: readonly (LeafCursor | undefined)[],
  value: StoredValue,
): StoredValue {
  for (let leaf = firstLeaf; leaf < endLeaf; leaf++) cursors[leaf]!.next();
  return value;
}

function valueAt({ values }: LeafPage, { kind }: Leaf, i: number): StoredValue {
  if (values.kind === 'indexed') {
    const { dictionary, indices, index } = values;
    return plainAt(dictionary, kind, indices?.[i] ?? index);
  }
  return plainAt(values, kind, i);
}

function plainAt(values: Exclude<LeafPage['values'], { kind: 'indexed' }>, kind: Leaf['kind'], i: number): StoredValue {
  if (values.kind === 'text') {
    const { bytes, offsets } = values;
    return Buffer.from(bytes.buffer, bytes.byteOffset + offsets[i]!, offsets[i + 1]! - offsets[i]!).toString();
  }
  const { words } = values;
  switch (kind) {
    case 'boolean':
      return words[i] !== 0;
    case 'int32':
      return words[i]!;
    case 'int64':
      return (BigInt(words[2 * i + 1]!) << 32n) | BigInt(words[2 * i]! >>> 0);
    default:
      return new Float64Array(Int32Array.of(words[2 * i]!, words[2 * i + 1]!).buffer)[0]!;
  }
}
