import type { RowReader, StoredValue } from '@openwit/ports';
import { LeafFile } from '../leaves/leaf-file.ts';
import type { LeafPage } from '../leaves/leaf-values.ts';
import { UnknownForm } from '../leaves/unknown-form.ts';
import { Scratch } from '../parquet/scratch.ts';
import { assemble, LeafCursor } from './row-assembly.ts';
import { type SchemaNode, schemaTree } from './schema-tree.ts';

/** Chunks of leaves that are worth it: of more DuckDB reads the rows sooner, in several threads. */
const MOST_CHUNKS = 200;
/** Files of which it stays in memory where their pages are. None stays open: it would stay on the disk when it is removed. */
const MOST_KNOWN = 256;

interface KnownFile {
  /** Closed. */
  readonly file: LeafFile;
  readonly columns: ReadonlyMap<string, SchemaNode>;
}

/** Reads rows of the files that this store writes. The least recently read one is forgotten first. */
class FewRows implements RowReader {
  readonly #known = new Map<string, KnownFile>();
  readonly #memory = new Scratch();

  read(path: string, rows: Uint32Array, columns: readonly string[]): (readonly StoredValue[])[] | undefined {
    try {
      const { file: known, columns: nodes } = this.#file(path);
      if (
        chunksOf(
          known,
          columns.map((name) => nodes.get(name)),
          rows,
        ) > MOST_CHUNKS
      )
        return undefined;
      const file = known.again(path);
      try {
        return columns.map((name) => this.#column(file, nodes.get(name), rows));
      } finally {
        file.close();
      }
    } catch (error) {
      if (error instanceof UnknownForm) return undefined;
      throw error;
    }
  }

  #file(path: string): KnownFile {
    const known = this.#known.get(path) ?? knownFile(path);
    this.#known.delete(path);
    this.#known.set(path, known);
    if (this.#known.size > MOST_KNOWN) this.#known.delete(this.#known.keys().next().value!);
    return known;
  }

  /** Row group after row group, as the memory is used anew for each. */
  #column(file: LeafFile, node: SchemaNode | undefined, rows: Uint32Array): StoredValue[] {
    if (node === undefined) throw new UnknownForm('a column is not there');
    const values: StoredValue[] = [];
    let next = 0;
    for (const { firstRow, rows: count } of file.groups) {
      const start = next;
      while (next < rows.length && rows[next]! < firstRow + count) next++;
      if (next === start) continue;
      const wanted = Array.from(rows.subarray(start, next));
      this.#memory.reset();
      const pages = new Map<number, LeafPage[]>();
      for (let leaf = node.firstLeaf; leaf < node.endLeaf; leaf++) {
        pages.set(
          leaf,
          file.pagesOf(
            leaf,
            wanted.map((row) => ({ from: row, to: row + 1 })),
            this.#memory,
          ),
        );
      }
      for (const row of wanted) {
        const cursors: (LeafCursor | undefined)[] = [];
        for (const [leaf, own] of pages) cursors[leaf] = cursorAt(own, file.leaves[leaf]!, row);
        values.push(assemble(node, cursors));
      }
    }
    if (next < rows.length) throw new UnknownForm('a row is not there');
    return values;
  }
}

function knownFile(path: string): KnownFile {
  const file = LeafFile.open(path);
  try {
    return { file, columns: schemaTree(file.footer()) };
  } finally {
    file.close();
  }
}

/** Of the columns, in the row groups that have the rows. */
function chunksOf({ groups }: LeafFile, columns: readonly (SchemaNode | undefined)[], rows: Uint32Array): number {
  const leaves = columns.reduce((sum, node) => sum + (node === undefined ? 0 : node.endLeaf - node.firstLeaf), 0);
  const read = groups.filter((group) => rows.some((row) => row >= group.firstRow && row < group.firstRow + group.rows));
  return leaves * read.length;
}

function cursorAt(pages: readonly LeafPage[], leaf: LeafFile['leaves'][number], row: number): LeafCursor {
  const page = pages.find(({ firstRow, rows }) => firstRow <= row && row < firstRow + rows);
  if (page === undefined) throw new UnknownForm('a page is not there');
  return new LeafCursor(page, leaf, row - page.firstRow);
}

export const rowReader: RowReader = new FewRows();
