"""Runs a file of SQL on DuckDB: every input is a view of its name, params and outputs are variables.

In the SQL, `getvariable('at_least')` is a param and `getvariable('output_scores')` the path of an output.
"""

import json
import os
import sys
from pathlib import Path

import duckdb

INPUT, OUTPUT = "SEGPIPE_INPUT_", "SEGPIPE_OUTPUT_"


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


database = duckdb.connect()
# Equal inputs give equal bytes, whatever the machine.
database.execute("SET threads TO 1")
for name, value in os.environ.items():
    if name.startswith(INPUT) and value.endswith(".parquet"):
        view = name.removeprefix(INPUT).lower()
        database.execute(f'CREATE VIEW "{view}" AS FROM read_parquet({quoted(value)})')
    if name.startswith(OUTPUT):
        output = name.removeprefix(OUTPUT).lower()
        database.execute(f"SET VARIABLE output_{output} = {quoted(value)}")
for name, value in json.loads(Path(os.environ["SEGPIPE_PARAMS"]).read_text()).items():
    literal = value if isinstance(value, int | float) else quoted(str(value))
    database.execute(f'SET VARIABLE "{name}" = {literal}')
for script in sys.argv[1:]:
    for statement in duckdb.extract_statements(Path(script).read_text()):
        database.execute(statement)
