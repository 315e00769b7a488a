# Answers SQL, a statement a line as JSON text: {"rows": [[…]]} or {"error": "…"}, with DuckLake and SQLite loaded.
import importlib.util
import json
import pathlib
import sys

import duckdb

connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
for name in ("sqlite_scanner", "ducklake"):
    package = pathlib.Path(importlib.util.find_spec(f"duckdb_extension_{name}").origin).parent
    (extension,) = package.glob("extensions/*/*.duckdb_extension")
    connection.load_extension(str(extension))

for line in sys.stdin:
    try:
        answer = {"rows": connection.execute(json.loads(line)).fetchall()}
    except duckdb.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
