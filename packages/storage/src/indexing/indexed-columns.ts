import type { AttributeColumn, DataFile, IndexedColumn, TableName, TextAnalyser } from '@openwit/ports';

/** What is indexed of one tenant's table. What is not said is as by default; files that have an index keep it. */
export interface TableIndexing {
  /**
   * Columns that `match` searches by words: `body`, `attributes.exception.message`, `events.name`. Default: `body` of logs,
   * `span_name`, `status_message` and `events.name` of traces.
   */
  readonly text?: readonly (string | { readonly column: string; readonly analyser: TextAnalyser })[];
  /**
   * Columns whose values are looked up: `service_name`, `attributes.user.id`; `attributes.*` stands for all attributes that are
   * columns. Default: `trace_id`, `span_id`, and `attributes.*`; of metrics the last alone.
   */
  readonly values?: readonly string[];
}

/** For the tables that it names: all of them when it names none. */
export interface IndexingRule extends TableIndexing {
  readonly tenant?: string;
  readonly table?: TableName;
}

/** The names of a span's events, as one text. */
export const EVENT_NAMES = 'events.name';
const EVERY_ATTRIBUTE = 'attributes.*';
/** Hardly any of their values comes twice in the rows of a file. */
const IDS: ReadonlySet<string> = new Set(['trace_id', 'span_id', 'parent_span_id']);

const DEFAULTS: Readonly<Record<TableName, Required<TableIndexing>>> = {
  logs: { text: ['body'], values: ['trace_id', 'span_id', 'severity_text', EVERY_ATTRIBUTE] },
  traces: {
    text: ['span_name', 'status_message', 'events.name'],
    values: ['trace_id', 'span_id', 'span_name', 'status_code', EVERY_ATTRIBUTE],
  },
  metrics: { text: [], values: ['metric_name', EVERY_ATTRIBUTE] },
};

/** What holds for a table: each part as the last rule that names the table, and has the part, says. */
export function indexingOf(rules: readonly IndexingRule[], tenant: string, table: TableName): Required<TableIndexing> {
  const fitting = rules.filter((rule) => (rule.tenant ?? tenant) === tenant && (rule.table ?? table) === table);
  const { text, values } = Object.assign({}, DEFAULTS[table], ...fitting) as Required<TableIndexing>;
  return { text, values };
}

/** How the text of a table's columns becomes words, where it is not by `log`. */
export function analysersOf(
  rules: readonly IndexingRule[],
  tenant: string,
  table: TableName,
): Readonly<Record<string, TextAnalyser>> {
  const { text } = indexingOf(rules, tenant, table);
  return Object.fromEntries(
    text.flatMap((entry) => (typeof entry === 'string' ? [] : [[entry.column, entry.analyser]])),
  );
}

/** The columns of a file that are to be indexed. */
export function indexedColumns(
  { text, values }: Required<TableIndexing>,
  { attributeColumnIds, emptyColumns }: Pick<DataFile, 'attributeColumnIds' | 'emptyColumns'>,
  attributeColumns: readonly AttributeColumn[],
): IndexedColumn[] {
  const own = attributeColumns.filter(({ fieldId }) => attributeColumnIds.includes(fieldId));
  // The text of a double is not its SQL's in every case.
  const unfit = new Set(own.filter(({ type }) => type === 'float64').map(({ name }) => name));
  const texts = text.map((entry): IndexedColumn => {
    const { column, analyser } = typeof entry === 'string' ? { column: entry, analyser: 'log' as const } : entry;
    return { name: column, use: 'text', analyser };
  });
  const names = new Set(values.flatMap((name) => (name === EVERY_ATTRIBUTE ? own.map((column) => column.name) : name)));
  const lookedUp = [...names].map((name): IndexedColumn => ({ name, use: IDS.has(name) ? 'id' : 'value' }));
  const isThere = ({ name }: IndexedColumn) =>
    !unfit.has(name) && !(name === EVENT_NAMES && emptyColumns.includes('events'));
  return [...texts, ...lookedUp].filter(isThere);
}
