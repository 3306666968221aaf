"""Holds segpipe against what its users will put beside it: pandas, pyarrow and onnxruntime.

Runs the release binary on the reference data in a folder of its own. Called by `.ci/run`; exits 1 at the first
difference.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("SEGPIPE_BINARY", ROOT / "target/release/segpipe"))
SHARED = Path(os.environ.get("SEGPIPE_SHARED", ROOT.parent / "shared"))
FEATURES = ["recency", "frequency", "monetary"]


def demand(holds: bool, text: str) -> None:
    """Ends the check where `holds` does not."""
    if not holds:
        sys.exit(f"does not hold: {text}")
    print(f"holds: {text}")


def run(folder: Path, *arguments: str) -> dict[str, dict]:
    """`segpipe run --json` in `folder`; the last words about each stage."""
    command = [BINARY, "run", "--json", *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    demand(
        done.returncode == 0,
        f"`segpipe run {' '.join(arguments)}` ends with 0, not {done.returncode}",
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    demand(
        events[-1]["event"] == "run_finished" and events[-1]["ok"],
        "the last line says that the run went well",
    )
    return {event["stage"]: event for event in events if event["event"] == "stage_finished"}


def new_project(folder: Path) -> None:
    """pipeline.yaml and the reference data, and nothing else."""
    (folder / "data").mkdir(parents=True)
    shutil.copy(ROOT / "pipeline.yaml", folder)
    shutil.copy(SHARED / "data/online-retail/online_retail.csv.gz", folder / "data")


def check_tables(folder: Path, stages: dict[str, dict]) -> None:
    """Every table is Parquet that others read, with as many rows as was said."""
    tables = 0
    for stage, event in stages.items():
        for name, output in event["outputs"].items():
            path = folder / output["path"]
            if path.suffix == ".parquet":
                tables += 1
                rows = pq.read_table(path).num_rows
                demand(
                    rows == output["rows"],
                    f"pyarrow reads {rows} rows of {stage}.{name}",
                )
    demand(tables >= len(stages), f"each of the {len(stages)} stages wrote a table")


def check_customers(folder: Path) -> pd.DataFrame:
    """RFM equals what pandas computed."""
    customers = pd.read_parquet(folder / "artifacts/rfm/customers.parquet")
    expected = pd.read_csv(SHARED / "reference/rfm.csv", dtype={"CustomerID": str}).sort_values("CustomerID")
    demand(
        customers["customer_id"].tolist() == expected["CustomerID"].tolist(),
        "the customers are the reference's",
    )
    for feature in ["recency", "frequency"]:
        demand(
            (customers[feature].to_numpy() == expected[feature].to_numpy()).all(),
            f"{feature} is the reference's",
        )
    exact = (expected["monetary_mills"].to_numpy() / 1000.0) == customers["monetary"].to_numpy()
    demand(bool(exact.all()), "monetary is the reference's, correctly rounded")
    return customers


def check_onnx(folder: Path, customers: pd.DataFrame) -> np.ndarray:
    """onnxruntime gives every customer the segment and distance that segpipe gave."""
    path = folder / "artifacts/train/model.onnx"
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), session.get_outputs()
    demand(
        [(port.type, port.shape[1:]) for port in inputs] == [("tensor(double)", [3])],
        "one double input [N,3]",
    )
    types = {port.name: (port.type, len(port.shape)) for port in outputs}
    demand(
        types == {"segment": ("tensor(int64)", 1), "distance": ("tensor(double)", 1)},
        "two outputs [N]",
    )
    values = customers[FEATURES].to_numpy(dtype=np.float64)
    segment, distance = session.run(["segment", "distance"], {inputs[0].name: values})
    assignments = pd.read_parquet(folder / "artifacts/train/assignments.parquet")
    demand(
        (assignments["customer_id"] == customers["customer_id"]).all(),
        "assignments are in the customers' order",
    )
    demand(len(segment) == len(customers) == 4338, "4338 customers are scored")
    demand(
        (segment == assignments["segment"].to_numpy()).all(),
        "onnxruntime's segments are segpipe's",
    )
    close = np.allclose(distance, assignments["distance"].to_numpy(), rtol=1e-9, atol=1e-12)
    demand(bool(close), "onnxruntime's distances are segpipe's")
    return segment


def check_predict(folder: Path, customers: pd.DataFrame, segment: np.ndarray) -> None:
    """`segpipe predict` gives model.onnx's segments, for R, F, M and for transactions."""
    customers[["customer_id", *FEATURES]].sample(frac=1, random_state=1).to_csv(folder / "rfm_in.csv", index=False)
    order = pd.read_csv(folder / "rfm_in.csv", dtype={"customer_id": str})
    expected = pd.Series(segment, index=customers["customer_id"])
    predict(folder, "rfm_in.csv")
    scored = pd.read_csv(folder / "out.csv", dtype={"customer_id": str})
    wanted = expected.loc[order["customer_id"]].to_numpy()
    demand(
        (scored["segment"].to_numpy() == wanted).all(),
        "predict on R, F, M gives model.onnx's segments, in order",
    )
    predict(folder, "data/online_retail.csv.gz")
    scored = pd.read_csv(folder / "out.csv", dtype={"customer_id": str})
    demand(
        len(scored) == len(customers),
        "predict on transactions gives one row per customer",
    )
    wanted = expected.loc[scored["customer_id"]].to_numpy()
    demand(
        (scored["segment"].to_numpy() == wanted).all(),
        "predict on transactions gives the same segments",
    )


def predict(folder: Path, source: str) -> None:
    subprocess.run([BINARY, "predict", source, "-o", "out.csv"], cwd=folder, check=True)


def check_parquet_source(folder: Path) -> None:
    """Parquet that pandas wrote loads to the very bytes that the CSV loads to."""
    transactions = (folder / "artifacts/load/transactions.parquet").read_bytes()
    with gzip.open(SHARED / "data/online-retail/online_retail.csv.gz") as file:
        types = {
            name: str
            for name in [
                "InvoiceNo",
                "StockCode",
                "Description",
                "CustomerID",
                "Country",
            ]
        }
        table = pd.read_csv(
            file,
            dtype=types,
            parse_dates=["InvoiceDate"],
            keep_default_na=False,
            na_values=[""],
        )
    table.to_parquet(folder / "data/pandas.parquet", index=False)
    run(folder, "--to", "load", "--set", "load.source=data/pandas.parquet")
    again = (folder / "artifacts/load/transactions.parquet").read_bytes()
    demand(
        again == transactions,
        "Parquet written by pandas loads to the bytes that the CSV loads to",
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        new_project(folder)
        stages = run(folder)
        check_tables(folder, stages)
        customers = check_customers(folder)
        segment = check_onnx(folder, customers)
        check_predict(folder, customers, segment)
        check_parquet_source(folder)


if __name__ == "__main__":
    main()
