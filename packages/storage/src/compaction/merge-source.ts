import { type AttributeColumn, typesColumnOf } from '@openwit/ports';
import { COLUMN_MAPS, type StoredColumn, storedAttributeColumn, storedColumns } from '../parquet/stored-layout.ts';
import { typeWord } from './attribute-moves.ts';
import type { MergeInput, MergeRequest } from './merge-request.ts';
import { emptyValue, identifier, literal, readParquet, sqlType } from './sql-text.ts';

/** Inputs that hold the same columns. */
interface InputGroup {
  readonly paths: readonly string[];
  readonly columnIds: ReadonlySet<number>;
  readonly empty: ReadonlySet<string>;
}

/** The rows of the inputs with the columns of the output, as SQL: each key is wholly a column or wholly in its map. */
export class MergeSource {
  readonly #columns: readonly AttributeColumn[];
  /** Those that some input has and the output has not: their values go back into the maps. */
  readonly #folded: readonly AttributeColumn[];
  readonly #layout: readonly StoredColumn[];
  readonly #groups: readonly InputGroup[];
  /** Lists and maps that are empty in every row of the output. */
  readonly emptyColumns: readonly string[];

  /** @param columns the attribute columns of the output */
  constructor({ table, inputs, attributeColumns }: MergeRequest, columns: readonly AttributeColumn[]) {
    const used = new Set(inputs.flatMap(({ attributeColumnIds }) => attributeColumnIds));
    this.#columns = columns;
    this.#folded = attributeColumns.filter((column) => used.has(column.fieldId) && !columns.includes(column));
    this.#layout = storedColumns(table);
    this.#groups = groupInputs(inputs);
    const filled = new Set(this.#folded.flatMap((column) => mapsOf(column)));
    this.emptyColumns = this.#layout
      .map(({ name }) => name)
      .filter((name) => !filled.has(name) && this.#groups.every(({ empty }) => empty.has(name)));
  }

  /** The rows with some of the output's columns, in its order. */
  select(names: ReadonlySet<string>, where: string): string {
    const fixed = this.#layout.filter(({ name }) => names.has(name));
    const own = this.#columns.filter(({ name }) => names.has(name));
    const branches = this.#groups.map((group) => {
      const values = [
        ...fixed.map((column) => `${this.#fixed(column, group)} AS ${identifier(column.name)}`),
        ...own.map((column) => `${this.#attribute(column, group)} AS ${identifier(column.name)}`),
      ];
      return `SELECT ${values.join(', ')} FROM ${readParquet(group.paths)} WHERE ${where}`;
    });
    return branches.join(' UNION ALL ');
  }

  #fixed(column: StoredColumn, group: InputGroup): string {
    const map = COLUMN_MAPS.find((name) => name === column.name || typesColumnOf(name) === column.name);
    const own = group.empty.has(column.name) ? emptyValue(column) : identifier(column.name);
    if (map === undefined) return own;
    const part = column.name === map ? valueText : typeText;
    const entries = this.#folded
      .filter((folded) => folded.map === map && group.columnIds.has(folded.fieldId))
      .flatMap((folded) => {
        const value = part(folded);
        return value === undefined ? [] : [`{'k': ${literal(folded.key)}, 'v': ${value}}`];
      });
    const taken = group.empty.has(column.name) ? [] : this.#takenFrom(map, group).map(({ key }) => literal(key));
    const rest =
      taken.length === 0
        ? own
        : `map_from_entries(list_filter(map_entries(${own}), lambda entry: entry.key NOT IN (${taken.join(', ')})))`;
    if (entries.length === 0) return rest;
    const present = `list_filter([${entries.join(', ')}], lambda entry: entry.v IS NOT NULL)`;
    return `map_concat(${rest}, map_from_entries(${present}))`;
  }

  #attribute(column: AttributeColumn, group: InputGroup): string {
    if (group.columnIds.has(column.fieldId)) return identifier(column.name);
    const type = sqlType(storedAttributeColumn(column));
    const value = group.empty.has(column.map) ? 'NULL' : `${identifier(column.map)}[${literal(column.key)}]`;
    return `CAST(${value} AS ${type})`;
  }

  /** The output's columns whose values are in the group's maps. */
  #takenFrom(map: string, group: InputGroup): AttributeColumn[] {
    return this.#columns.filter((column) => column.map === map && !group.columnIds.has(column.fieldId));
  }
}

function groupInputs(inputs: readonly MergeInput[]): InputGroup[] {
  const groups = Map.groupBy(inputs, ({ attributeColumnIds, emptyColumns }) =>
    JSON.stringify([attributeColumnIds.toSorted(), emptyColumns.toSorted()]),
  );
  return [...groups.values()].map((members) => ({
    paths: members.map(({ path }) => path),
    columnIds: new Set(members[0]!.attributeColumnIds),
    empty: new Set(members[0]!.emptyColumns),
  }));
}

function mapsOf(column: AttributeColumn): string[] {
  return typeWord(column) === null ? [column.map] : [column.map, typesColumnOf(column.map)];
}

function valueText({ name, type }: AttributeColumn): string {
  return type === 'text' ? identifier(name) : `CAST(${identifier(name)} AS VARCHAR)`;
}

function typeText(column: AttributeColumn): string | undefined {
  const word = typeWord(column);
  return word === null ? undefined : `CASE WHEN ${identifier(column.name)} IS NOT NULL THEN ${literal(word)} END`;
}
