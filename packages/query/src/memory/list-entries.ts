import duckdb from '@duckdb/node-bindings';

/** Writes a LIST or MAP vector's entries (offset and length, 64 bits each), makes room, and returns the child vector. */
export function writeListEntries(
  vector: duckdb.Vector,
  starts: Int32Array,
  lengths: Int32Array,
  children: number,
): duckdb.Vector {
  const count = starts.length;
  const words = new Uint32Array(4 * count);
  for (let i = 0; i < count; i++) {
    words[4 * i] = starts[i]!;
    words[4 * i + 2] = lengths[i]!;
  }
  duckdb.list_vector_reserve(vector, children);
  duckdb.list_vector_set_size(vector, children);
  duckdb.copy_data_to_vector(vector, 0, words.buffer, 0, words.byteLength);
  return duckdb.list_vector_get_child(vector);
}
