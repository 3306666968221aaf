"""Runs examples/own-stages on the reference data: programs between the built-in stages, and what makes them run.

Takes the release binary, and this Python for the programs. Called by `.ci/run`; exits 1 at the first difference.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("SEGPIPE_BINARY", ROOT / "target/release/segpipe"))
SHARED = Path(os.environ.get("SEGPIPE_SHARED", ROOT.parent / "shared"))
BUILT_IN = {"load", "validate", "preprocess", "rfm", "train", "evaluate", "visualize", "track", "deploy"}


def demand(holds: bool, text: str) -> None:
    """Ends the check where `holds` does not."""
    if not holds:
        sys.exit(f"does not hold: {text}")
    print(f"holds: {text}")


def run(folder: Path, *arguments: str) -> dict[str, str]:
    """`segpipe run` with this Python first in the path; the outcome of every stage."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [BINARY, "run", "--json", *arguments]
    environment = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    demand(done.returncode == 0, f"`segpipe run {' '.join(arguments)}` ends with 0, not {done.returncode}")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return {event["stage"]: event["outcome"] for event in events if event["event"] == "stage_finished"}


def ran(outcomes: dict[str, str]) -> set[str]:
    """The stages that ran."""
    return {stage for stage, outcome in outcomes.items() if outcome == "ran"}


def check_results(folder: Path, at_least: int) -> None:
    """The programs' tables equal what pandas makes of the same inputs."""
    table = {
        name: pd.read_parquet(folder / f"artifacts/{name}.parquet")
        for name in ["rfm/customers", "regulars/customers", "preprocess/orders", "train/assignments"]
    }
    expected = table["rfm/customers"].query("frequency >= @at_least")["customer_id"].tolist()
    regulars = table["regulars/customers"]["customer_id"].tolist()
    demand(regulars == expected and len(expected) > 1000, f"the regulars are pandas', {len(expected)} of them")
    demand(table["train/assignments"]["customer_id"].tolist() == expected, "each of them has a segment, nobody else")
    orders = table["preprocess/orders"].merge(table["train/assignments"][["customer_id", "segment"]])
    groups = orders.groupby(["segment", "country"])
    expected = groups.agg(
        customers=("customer_id", "nunique"), orders=("invoice", "nunique"), revenue=("amount", "sum")
    )
    expected = expected.query("orders >= 5")
    found = pd.read_parquet(folder / "artifacts/countries/countries.parquet").set_index(["segment", "country"])
    expected = expected.loc[found.index]
    same = (found[["customers", "orders"]] == expected[["customers", "orders"]]).all(axis=None)
    close = ((found["revenue"].astype(float) - expected["revenue"].astype(float)).abs() < 0.006).all()
    demand(bool(same and close), f"customers, orders and revenue in {len(found)} countries are pandas'")
    demand(len(found) == len(groups.size()[groups["invoice"].nunique() >= 5]), "no country is left out")
    written = pd.read_csv(folder / "artifacts/countries/countries.csv")
    demand(len(written) == len(found), "the report lists them all")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        shutil.copytree(ROOT / "examples/own-stages", folder)
        (folder / "data").mkdir()
        shutil.copy(SHARED / "data/online-retail/online_retail.csv.gz", folder / "data")
        demand(ran(run(folder)) == BUILT_IN | {"regulars", "countries"}, "every stage runs the first time")
        check_results(folder, 2)
        log = (folder / "artifacts/.logs/regulars.log").read_text()
        demand("customers bought at least 2 times" in log, "what the program said is kept")
        demand(ran(run(folder, "--locked")) == set(), "the second time nothing runs")
        script = folder / "stages/countries.sql"
        script.write_text(script.read_text() + "\n-- A remark.\n")
        demand(ran(run(folder)) == {"countries"}, "an edited file of SQL makes its stage run, and no other")
        (folder / "stages/regulars.py").touch()
        demand(ran(run(folder)) == set(), "a touched script does not")
        above = {"load", "validate", "preprocess", "rfm"}
        again = run(folder, "--set", "regulars.at_least=3")
        demand(ran(again) == BUILT_IN - above | {"regulars", "countries"}, "a param makes what comes after it run")
        check_results(folder, 3)
        back = run(folder)
        demand(ran(back) == set() and back["regulars"] == "restored", "the earlier result is restored")
        check_results(folder, 2)


main()
