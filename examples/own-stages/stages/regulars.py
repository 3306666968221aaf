"""Keeps the customers who bought at least so many times."""

import json
import os
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

params = json.loads(Path(os.environ["SEGPIPE_PARAMS"]).read_text())
customers = pq.read_table(os.environ["SEGPIPE_INPUT_CUSTOMERS"])
regulars = customers.filter(pc.field("frequency") >= params["at_least"])
# The schema's metadata goes with the table: the facts (period, snapshot, …) that later stages report.
pq.write_table(regulars, os.environ["SEGPIPE_OUTPUT_CUSTOMERS"])
print(f"{regulars.num_rows} of {customers.num_rows} customers bought at least {params['at_least']} times")
