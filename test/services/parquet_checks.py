# What other readers find in Parquet files. A line of JSON on stdin has the files and what they are sorted by; a line comes back
# for each, {"path", "rows", "groups", "filters", "problems": […]}.
import json
import math
import struct
import sys

import duckdb
import polars
import pyarrow
import pyarrow.parquet
import xxhash

PROBES = 500
FEW_PROBES = 20
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
connection.execute("SET enable_progress_bar = false")


def plain(value):
    """One form for what the readers give: maps as sorted lists of pairs, NaN as text."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value
    if isinstance(value, dict):
        if set(value) == {"key", "value"}:
            return (plain(value["key"]), plain(value["value"]))
        return tuple((name, plain(inner)) for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(plain(inner) for inner in value)
    return value


def values_of(column):
    """The Python values of an Arrow column; times as nanoseconds."""
    return [plain(value) for value in with_integer_times(column).to_pylist()]


def with_integer_times(column):
    return column.cast(integer_times(column.type))


def integer_times(kind):
    if pyarrow.types.is_timestamp(kind):
        return pyarrow.int64()
    if pyarrow.types.is_map(kind):
        return pyarrow.map_(kind.key_type, kind.item_type)
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        return pyarrow.list_(integer_times(kind.value_type))
    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([pyarrow.field(f.name, integer_times(f.type), f.nullable) for f in kind])
    return kind


def is_plain(kind):
    if pyarrow.types.is_dictionary(kind):
        return False
    inner = [kind.field(i).type for i in range(kind.num_fields)] if pyarrow.types.is_struct(kind) else []
    if pyarrow.types.is_list(kind):
        inner = [kind.value_type]
    if pyarrow.types.is_map(kind):
        inner = [kind.key_type, kind.item_type]
    return all(is_plain(each) for each in inner)


def literal(path):
    return "'" + path.replace("'", "''") + "'"


def check(path, sort_by, is_stable):
    problems = []
    file = pyarrow.parquet.ParquetFile(path)
    names = file.schema_arrow.names
    table = file.read()
    schema = file.schema_arrow
    if not all(is_plain(field.type) for field in schema):
        problems.append("a column of an Arrow dictionary type")
    if b"ARROW:schema" in (file.metadata.metadata or {}):
        problems.append("an Arrow schema beside Parquet's own")
    columns = {name: values_of(table.column(name)) for name in names}

    by_duckdb = connection.execute(f"FROM read_parquet({literal(path)})").to_arrow_table()
    by_polars = polars.read_parquet(path)
    if by_duckdb.column_names != names or by_polars.columns != names:
        problems.append("other columns for another reader")
    for name in names:
        if values_of(by_duckdb.column(name)) != columns[name]:
            problems.append(f"other values for DuckDB: {name}")
        own = by_polars.get_column(name).to_arrow()
        if values_of(own) != columns[name]:
            problems.append(f"other values for Polars: {name}")

    key = list(zip(*([text.encode() if isinstance(text, str) else text for text in columns[name]] for name in sort_by)))
    if key != sorted(key):
        problems.append("not sorted")
    first = 0
    for g in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(g)
        last = first + group.num_rows
        problems += check_group(g, group, {name: columns[name][first:last] for name in names}, sort_by, is_stable, table)
        first = last
    if first != table.num_rows:
        problems.append("row groups have other rows than the file")
    filters = check_bloom_filters(path, file, columns, problems)
    return {"path": path, "rows": table.num_rows, "groups": file.metadata.num_row_groups, "filters": filters, "problems": problems}


def check_group(g, group, columns, sort_by, is_stable, table):
    problems = []
    paths = [group.column(c).path_in_schema for c in range(group.num_columns)]
    if is_stable:
        said = [(paths[s.column_index], s.descending, s.nulls_first) for s in group.sorting_columns]
        if said != [(name, False, False) for name in sort_by]:
            problems.append(f"group {g} says that it is sorted by {said}")
    for c, path in enumerate(paths):
        chunk = group.column(c)
        if path not in columns or not chunk.is_stats_set:
            continue
        statistics = chunk.statistics
        values = [v for v in columns[path] if v is not None]
        if statistics.has_null_count and statistics.null_count != len(columns[path]) - len(values):
            problems.append(f"group {g}, {path}: null_count={statistics.null_count}")
        if not statistics.has_min_max:
            continue
        kind = table.schema.field(path).type
        low, high = bounds(statistics, kind)
        values = [v.encode() if isinstance(v, str) else v for v in values if v != "nan"]
        if values and not (low <= min(values) and max(values) <= high):
            problems.append(f"group {g}, {path}: {low!r}..{high!r} leaves out {min(values)!r} or {max(values)!r}")
        exact = not pyarrow.types.is_string(kind)
        if values and exact and (low, high) != (min(values), max(values)):
            problems.append(f"group {g}, {path}: {low!r}..{high!r} is not {min(values)!r}..{max(values)!r}")
    return problems


def bounds(statistics, kind):
    if pyarrow.types.is_string(kind):
        return tuple(v.encode() if isinstance(v, str) else v for v in (statistics.min_raw, statistics.max_raw))
    if pyarrow.types.is_timestamp(kind) or pyarrow.types.is_integer(kind):
        low, high = statistics.min_raw, statistics.max_raw
        bits = kind.bit_width
        unsigned = pyarrow.types.is_unsigned_integer(kind)
        return (low % 2**bits, high % 2**bits) if unsigned else (low, high)
    return statistics.min, statistics.max


def check_bloom_filters(path, file, columns, problems):
    """By the format itself, and where it can be asked by DuckDB's function, which takes the wrong column behind a nested one."""
    chunks = connection.execute(
        f"""SELECT row_group_id, path_in_schema, type, bloom_filter_offset, bloom_filter_length, row_group_num_rows, column_id
        FROM parquet_metadata({literal(path)}) WHERE bloom_filter_offset IS NOT NULL ORDER BY ALL"""
    ).fetchall()
    firsts = [0]
    for g in range(file.metadata.num_row_groups):
        firsts.append(firsts[-1] + file.metadata.row_group(g).num_rows)
    names = file.schema_arrow.names
    checked = set()
    with open(path, "rb") as bytes_of:
        for g, name, kind, offset, length, _, leaf in chunks:
            if name not in columns:
                continue
            checked.add(name)
            bytes_of.seek(offset)
            may_hold = bloom_filter(bytes_of.read(length), kind)
            values = dict.fromkeys(columns[name][firsts[g] : firsts[g + 1]])
            values = [value for value in values if value is not None and value != "nan"][:PROBES]
            for value in values:
                if not may_hold(value):
                    problems.append(f"group {g}, {name}: the bloom filter excludes {value!r}")
            if kind == "BYTE_ARRAY" and all(may_hold(f"absent {i}") for i in range(FEW_PROBES)):
                problems.append(f"group {g}, {name}: the bloom filter excludes nothing")
            if kind != "BYTE_ARRAY" or names.index(name) != leaf:
                continue
            for value in values[:FEW_PROBES]:
                probed = connection.execute(
                    "SELECT bloom_filter_excludes FROM parquet_bloom_probe(?, ?, ?) WHERE row_group_id = ?",
                    [path, name, value, g],
                ).fetchall()
                if probed != [(False,)]:
                    problems.append(f"group {g}, {name}: for DuckDB the bloom filter excludes {value!r}")
    return len(checked)


SALT = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
FORMS = {"INT32": "<I", "INT64": "<Q", "DOUBLE": "<d"}


def bloom_filter(block, kind):
    """Split block filter of parquet-format's BloomFilter.md, behind a header that begins with its length in bytes."""
    zigzag, shift, at = 0, 0, 1
    while True:
        zigzag |= (block[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if block[at - 1] < 128:
            break
    bits = block[len(block) - (zigzag >> 1) :]

    def may_hold(value):
        if kind == "BYTE_ARRAY":
            plain_bytes = value.encode()
        else:
            form = FORMS[kind]
            bits_of = 32 if form == "<I" else 64
            plain_bytes = struct.pack(form, value if form == "<d" else value % 2**bits_of)
        hashed = xxhash.xxh64_intdigest(plain_bytes)
        start = 32 * (((hashed >> 32) * (len(bits) // 32)) >> 32)
        words = struct.unpack_from("<8I", bits, start)
        return all(word >> (((hashed & 0xFFFFFFFF) * salt & 0xFFFFFFFF) >> 27) & 1 for word, salt in zip(words, SALT))

    return may_hold


for job in json.loads(sys.stdin.readline()):
    print(json.dumps(check(job["path"], job["sortBy"], job["isStable"])), flush=True)
