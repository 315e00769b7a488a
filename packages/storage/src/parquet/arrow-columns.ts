import type { ColumnData } from '@openwit/ports';
import type { Data, DataType, Dictionary, Field, Int32, RecordBatch, Utf8, Vector } from 'apache-arrow';
import arrow from './arrow-bundle.ts';
import type { StoredColumn } from './stored-layout.ts';

/** A column in the stored layout with its values. */
export interface StoredValues {
  readonly column: StoredColumn;
  /**
   * As {@link ColumnData}, but that a map's children are the text of its keys and the text of its values. Any text may have
   * a dictionary, also one that other columns share.
   */
  readonly values: ColumnData;
  /** Where rows share the values of a group. Otherwise each row has its own, or all have the same one. */
  readonly group?: RowGroup;
}

/** The rows of a batch that has few resources, scopes or the like: row `i` has value `placeOf[i]` of a column. */
export interface RowGroup {
  readonly placeOf: Int32Array;
  /** Rows of each value; all of them have some. */
  readonly rows: Int32Array;
}

/** Columns in the stored layout as an Arrow record batch over the same buffers, every field with its Parquet field id. */
export function toRecordBatch(
  columns: readonly StoredValues[],
  rows: number,
  fieldIdOf: (path: string) => number,
): RecordBatch {
  const own = new ArrowColumns(fieldIdOf);
  const children = columns.map(({ column, values }) => own.data(column, values, rows));
  const fields = columns.map(({ column }, i) => own.field(column, children[i]!.type));
  const data = arrow.makeData({ type: new arrow.Struct(fields), length: rows, nullCount: 0, children });
  return new arrow.RecordBatch(new arrow.Schema(fields), data);
}

interface TextDictionary {
  readonly type: Dictionary<Utf8, Int32>;
  readonly texts: Vector<Utf8>;
}

/** The columns of one batch. */
class ArrowColumns {
  readonly #fieldIdOf: (path: string) => number;
  readonly #dictionaries = new Map<ColumnData, TextDictionary>();

  constructor(fieldIdOf: (path: string) => number) {
    this.#fieldIdOf = fieldIdOf;
  }

  field({ name, path, nullable }: StoredColumn, type: DataType): Field {
    return new arrow.Field(name, type, nullable, new Map([['PARQUET:field_id', String(this.#fieldIdOf(path))]]));
  }

  data(column: StoredColumn, values: ColumnData, length: number): Data {
    const validity = validityOf(values, length);
    switch (column.type) {
      case 'varchar':
        return values.dictionary === undefined ? textData(values, length) : this.#indices(values, length);
      case 'list': {
        const [element] = column.children as [StoredColumn];
        const valueOffsets = values.offsets!.subarray(0, length + 1);
        const child = this.data(element, values.children![0]!, valueOffsets[length]!);
        const type = new arrow.List(this.field(element, child.type));
        return arrow.makeData({ type, length, ...validity, valueOffsets, child });
      }
      case 'map': {
        const valueOffsets = values.offsets!.subarray(0, length + 1);
        const child = this.#struct(column, values, valueOffsets[length]!, {});
        const type = new arrow.Map_(new arrow.Field('entries', child.type, false) as never);
        return arrow.makeData({ type, length, ...validity, valueOffsets, child } as never);
      }
      case 'struct':
        return this.#struct(column, values, length, validity);
      case 'boolean':
        return arrow.makeData({
          type: new arrow.Bool(),
          length,
          ...validity,
          data: packBits(values.values as Uint8Array, length),
        });
      default: {
        const type = new NUMBERS[column.type]();
        return arrow.makeData({ type, length, ...validity, data: values.values!.subarray(0, length) } as never);
      }
    }
  }

  #struct(column: StoredColumn, values: ColumnData, length: number, validity: Validity | object): Data {
    const children = column.children.map((child, i) => this.data(child, values.children![i]!, length));
    const type = new arrow.Struct(column.children.map((child, i) => this.field(child, children[i]!.type)));
    return arrow.makeData({ type, length, nullCount: 0, ...validity, children });
  }

  #indices(values: ColumnData, length: number): Data {
    const { type, texts } = this.#dictionaryOf(values.dictionary!);
    const data = values.indices!.subarray(0, length);
    return arrow.makeData({ type, length, ...validityOf(values, length), data, dictionary: texts });
  }

  /** Columns with the same dictionary share its id: it is written once. */
  #dictionaryOf(column: ColumnData): TextDictionary {
    const known = this.#dictionaries.get(column);
    if (known !== undefined) return known;
    const texts = new arrow.Vector([textData(column, column.length)]);
    const dictionary = {
      type: new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32(), this.#dictionaries.size),
      texts,
    };
    this.#dictionaries.set(column, dictionary);
    return dictionary;
  }
}

const NUMBERS = {
  timestamp_ns: arrow.TimestampNanosecond,
  int64: arrow.Int64,
  uint64: arrow.Uint64,
  int32: arrow.Int32,
  uint32: arrow.Uint32,
  float64: arrow.Float64,
};

function textData(column: ColumnData, length: number): Data<Utf8> {
  const valueOffsets = column.offsets!.subarray(0, length + 1);
  return arrow.makeData({
    type: new arrow.Utf8(),
    length,
    ...validityOf(column, length),
    valueOffsets,
    data: column.values as Uint8Array,
  });
}

interface Validity {
  readonly nullCount: number;
  readonly nullBitmap?: Uint8Array;
}

function validityOf({ validity }: ColumnData, length: number): Validity {
  return validity === undefined
    ? { nullCount: 0 }
    : { nullBitmap: validity.subarray(0, (length + 7) >> 3), nullCount: -1 };
}

/** A byte of 0 or 1 a value becomes a bit a value, least significant first. */
function packBits(values: Uint8Array, length: number): Uint8Array {
  const bits = new Uint8Array((length + 7) >> 3);
  for (let i = 0; i < length; i++) bits[i >> 3]! |= values[i]! << (i & 7);
  return bits;
}
