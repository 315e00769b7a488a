import duckdb from '@duckdb/node-bindings';
import { type ColumnData, type ColumnDefinition, type ColumnType, typesColumnOf } from '@openwit/ports';
import { attributesWriter } from './attributes-writer.ts';
import { keyWriter } from './key-writer.ts';
import { writeListEntries } from './list-entries.ts';
import type { ScanColumn } from './scan-plan.ts';
import type { StringWriter } from './string-writer.ts';
import { isValid, ValidityBits } from './validity.ts';
import type { ChunkWriter, WriteContext } from './write-context.ts';

/** The writer of one scanned column over one batch. */
export function chunkWriter(
  context: WriteContext,
  definition: ColumnDefinition,
  column: ColumnData,
  read: ScanColumn['read'],
): ChunkWriter {
  const { indices, dictionary } = column;
  const values = dictionary ?? column;
  const rowOf = indices === undefined ? (row: number) => row : (row: number) => indices[row]!;
  if (read.part !== 'value' && read.part !== 'types') return keyWriter(context, values, read, rowOf);
  if (definition.type === 'attributes') return attributesWriter(context, values, read.part, rowOf, 'by key');
  return indices === undefined
    ? plainWriter(context, definition.type, column)
    : groupWriter(context, definition.type, values, indices);
}

function plainWriter(context: WriteContext, type: ColumnType, column: ColumnData): ChunkWriter {
  if (typeof type === 'object') {
    return 'list' in type ? listWriter(context, type.list, column) : structWriter(context, type.struct, column);
  }
  switch (type) {
    case 'text':
      return (vector, from, count) => {
        context.strings.begin(count);
        context.strings.addRange(column.values as Uint8Array, column.offsets!, from, count);
        context.strings.flush(vector);
        writeValidity(vector, column, from, count);
      };
    case 'attributes':
      return attributesWriter(context, column, 'value', (row) => row);
    default:
      return (vector, from, count) => {
        const values = column.values!;
        const bytes = values.BYTES_PER_ELEMENT;
        const copy = context.scratch.copyOf(values, from * bytes, count * bytes);
        duckdb.copy_data_to_vector(vector, 0, copy, 0, count * bytes);
        writeValidity(vector, column, from, count);
      };
  }
}

function listWriter(context: WriteContext, element: ColumnType, column: ColumnData): ChunkWriter {
  const writeElements = plainWriter(context, element, column.children![0]!);
  const offsets = column.offsets!;
  return (vector, from, count) => {
    const first = offsets[from]!;
    const starts = new Int32Array(count);
    const lengths = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      starts[i] = offsets[from + i]! - first;
      lengths[i] = offsets[from + i + 1]! - offsets[from + i]!;
    }
    const children = offsets[from + count]! - first;
    const child = writeListEntries(vector, starts, lengths, children);
    if (children > 0) writeElements(child, first, children);
    writeValidity(vector, column, from, count);
  };
}

/** Behind an attributes field comes the field of its types. */
function structWriter(context: WriteContext, fields: readonly ColumnDefinition[], column: ColumnData): ChunkWriter {
  const writers = fields.flatMap((field, i) => {
    const child = column.children![i]!;
    const write = plainWriter(context, field.type, child);
    if (field.type !== 'attributes' || typesColumnOf(field.name) === field.name) return [write];
    return [write, attributesWriter(context, child, 'types', (row) => row)];
  });
  return (vector, from, count) => {
    writers.forEach((write, i) => {
      write(duckdb.struct_vector_get_child(vector, i), from, count);
    });
    writeValidity(vector, column, from, count);
  };
}

/** A column whose rows point into the values of their group: text, or a scalar of a byte. */
function groupWriter(context: WriteContext, type: ColumnType, values: ColumnData, indices: Int32Array): ChunkWriter {
  if (type !== 'text' && type !== 'bool')
    throw new Error(`no group column has this type, type=${JSON.stringify(type)}`);
  const writeText = groupTextWriter(context.strings, values, indices);
  return (vector, from, count) => {
    if (type === 'text') writeText(vector, from, count);
    else {
      const bytes = new Uint8Array(count);
      for (let i = 0; i < count; i++) bytes[i] = values.values![indices[from + i]!] as number;
      duckdb.copy_data_to_vector(vector, 0, bytes.buffer, 0, count);
    }
    if (values.validity === undefined) return;
    const valid = new ValidityBits(count);
    for (let i = 0; i < count; i++) if (!isValid(values.validity, indices[from + i]!)) valid.clear(i);
    valid.write(vector);
  };
}

/** Each value's bytes are written once a chunk, however many rows have it. */
function groupTextWriter(strings: StringWriter, values: ColumnData, indices: Int32Array): ChunkWriter {
  /** The row that last wrote each value; chunks come in their order, so that those before `from` are of another chunk. */
  const writtenBy = new Int32Array(values.length).fill(-1);
  const bytes = values.values as Uint8Array;
  const offsets = values.offsets!;
  return (vector, from, count) => {
    strings.begin(count);
    for (let row = from; row < from + count; row++) {
      const value = indices[row]!;
      const before = writtenBy[value]!;
      if (before >= from) {
        strings.repeat(before - from);
      } else {
        writtenBy[value] = row;
        strings.add(bytes, offsets[value]!, offsets[value + 1]!);
      }
    }
    strings.flush(vector);
  };
}

function writeValidity(vector: duckdb.Vector, { validity }: ColumnData, from: number, count: number): void {
  if (validity === undefined) return;
  const valid = new ValidityBits(count);
  for (let i = 0; i < count; i++) if (!isValid(validity, from + i)) valid.clear(i);
  valid.write(vector);
}
