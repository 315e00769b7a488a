import { type AttributeColumn, type ColumnType, TABLES } from '@openwit/ports';
import { type AstNode, cast, columnRef, type Expression, isExpression, operator, replaceNode } from './ast.ts';
import type { AttributeAccess, Scope, TableUse } from './scope.ts';

/** A column that is added to a table for the query, behind all that the user sees. */
export interface HiddenColumn {
  readonly name: string;
  readonly map: string;
  readonly key: string;
  /** `text`: any value as text; else values of this type only, and `rest`: the others as text. */
  readonly part: 'text' | TypedPart | 'rest';
  /** For `rest`: the type that it leaves out. */
  readonly without?: TypedPart;
}

export type TypedPart = 'int64' | 'float64' | 'bool';

export const PART_SQL_TYPES = {
  text: 'VARCHAR',
  rest: 'VARCHAR',
  int64: 'BIGINT',
  float64: 'DOUBLE',
  bool: 'BOOLEAN',
} as const;

/**
 * The casts that give the same from a typed value as from its text, value by value. (A double as INTEGER does not:
 * 2.5 rounds to 2, '2.5' to 3.)
 */
const INTEGERS = [
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
];
const SAME_AS_TEXT: Readonly<Record<TypedPart, readonly string[]>> = {
  int64: [...INTEGERS, 'DOUBLE'],
  float64: ['DOUBLE'],
  bool: ['BOOLEAN'],
};

/** The access that `node` is: `attributes['k']`, perhaps below a cast, or `map_contains(attributes, 'k')`. */
export function accessOf(node: Expression, scope: Scope): { use: TableUse; access: AttributeAccess } | undefined {
  if (node.class === 'CAST' && isExpression(node.child)) {
    const inner = accessOf(node.child, scope);
    const type = node.cast_type as AstNode;
    if (inner?.access.form !== 'value' || (type.type_info ?? null) !== null) return undefined;
    return { use: inner.use, access: { ...inner.access, node, form: 'cast', castType: String(type.id) } };
  }
  const form = formOf(node);
  if (form === undefined) return undefined;
  const [target, key] = node.children as unknown[];
  if (!isExpression(target) || target.class !== 'COLUMN_REF' || !isExpression(key) || key.class !== 'CONSTANT')
    return undefined;
  const constant = key.value as { type: { id: string }; is_null: boolean; value?: unknown };
  if (constant.type.id !== 'VARCHAR' || typeof constant.value !== 'string') return undefined;
  const names = target.column_names as string[];
  if (names.length > 2) return undefined;
  const qualifier = names.length === 2 ? names[0] : undefined;
  const use = scope.find(names.at(-1)!, qualifier);
  const map = names.at(-1)!.toLowerCase();
  if (use === undefined || !TABLES[use.table].some(({ name, type }) => name === map && type === 'attributes'))
    return undefined;
  return { use, access: { node, map, key: constant.value, form, qualifier } };
}

function formOf(node: Expression): 'value' | 'contains' | undefined {
  if (node.class === 'OPERATOR' && node.type === 'ARRAY_EXTRACT') return 'value';
  if (node.class !== 'FUNCTION' || (node.children as unknown[]).length !== 2) return undefined;
  const name = String(node.function_name).toLowerCase();
  return name === 'map_extract_value' ? 'value' : name === 'map_contains' ? 'contains' : undefined;
}

/** Puts columns in the place of a table's accesses and returns the columns that it must have for that. */
export function replaceAccesses(use: TableUse, columns: readonly AttributeColumn[]): HiddenColumn[] {
  const byKey = Map.groupBy(use.accesses, ({ map, key }) => JSON.stringify([map, key]));
  return [...byKey.values()].flatMap((accesses, i): HiddenColumn[] => {
    const { map, key } = accesses[0]!;
    const name = `${use.token}_k${i}`;
    const stored = columns.find((column) => column.map === map && column.key === key)?.type;
    const typed = typedPart(accesses, stored);
    for (const access of accesses) replaceAccess(access, name, typed);
    if (typed === undefined) return [{ name, map, key, part: 'text' }];
    return [
      { name, map, key, part: typed },
      { name: `${name}_rest`, map, key, part: 'rest', without: typed },
    ];
  });
}

/** The type to read a key in when every access casts it to a type that is as good from there as from text. */
function typedPart(accesses: readonly AttributeAccess[], stored: ColumnType | undefined): TypedPart | undefined {
  const casts = accesses.map(({ castType }) => castType ?? '');
  const preferred = stored ?? (casts[0] === 'DOUBLE' ? 'float64' : casts[0] === 'BOOLEAN' ? 'bool' : 'int64');
  if (preferred !== 'int64' && preferred !== 'float64' && preferred !== 'bool') return undefined;
  return casts.every((type) => SAME_AS_TEXT[preferred].includes(type)) ? preferred : undefined;
}

function replaceAccess({ node, form }: AttributeAccess, name: string, typed: TypedPart | undefined): void {
  const { alias, cast_type: type, try_cast: tryCast } = node;
  const castOf = (column: string) => cast(columnRef(column), type as AstNode, tryCast === true);
  const read = (): AstNode => {
    if (form === 'contains') return operator('OPERATOR_IS_NOT_NULL', columnRef(name));
    if (form === 'value') return columnRef(name);
    return typed === undefined ? castOf(name) : operator('OPERATOR_COALESCE', castOf(name), castOf(`${name}_rest`));
  };
  replaceNode(node, { ...read(), alias });
}

/** The type that a part is delivered in. */
export function partSqlType(part: HiddenColumn['part']): string {
  return PART_SQL_TYPES[part];
}
