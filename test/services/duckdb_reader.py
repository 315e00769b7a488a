# Reads DuckLakes as a stranger does. A line of JSON, [catalog, SQL], is answered by one, {"rows": [[…]]} or {"error": "…"}:
# each by a DuckDB of its own, which attaches the catalog anew as `wit`.
import importlib.util
import json
import pathlib
import sys

import duckdb


def extension(name):
    package = pathlib.Path(importlib.util.find_spec("duckdb_extension_" + name).origin).parent
    (path,) = package.glob("extensions/*/*.duckdb_extension")
    return str(path)


extensions = [extension(name) for name in ("sqlite_scanner", "postgres_scanner", "ducklake")]


def read(catalog, sql):
    with duckdb.connect() as connection:
        for path in extensions:
            connection.load_extension(path)
        connection.execute("SET TimeZone = 'UTC'")
        # It would be written between the answers.
        connection.execute("SET enable_progress_bar = false")
        kind = "postgres" if catalog.startswith("postgres:") else "sqlite"
        connection.execute(f"ATTACH 'ducklake:{kind}:{catalog}' AS wit (READ_ONLY)")
        return connection.execute(sql).fetchall()


for line in sys.stdin:
    try:
        answer = {"rows": read(*json.loads(line))}
    except duckdb.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
