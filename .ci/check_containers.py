"""Holds what runs in containers against what the pipeline wrote, and prints what is there, for a later comparison.

The run with its metrics and the model are read with MLflow's own client; the service is asked for every customer.
Called by `containers.sh`; exits 1 at the first difference.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pyarrow.parquet as pq
from mlflow import MlflowClient

MODEL = "customer-segmentation"
FEATURES = ["recency", "frequency", "monetary"]


def demand(holds: bool, text: str) -> None:
    """Ends the check where `holds` does not."""
    if not holds:
        sys.exit(f"does not hold: {text}")


def rows(artifacts: Path, table: str) -> list[dict]:
    """A table of the pipeline."""
    return pq.read_table(artifacts / f"{table}.parquet").to_pylist()


def tracked(address: str, artifacts: Path) -> dict:
    """The run and the champion, whose model must be the one that was trained."""
    mlflow.set_tracking_uri(address)
    client = MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments)
    champion = client.get_model_version_by_alias(MODEL, "champion")
    run = client.get_run(champion.run_id)
    metrics = {row["metric"]: row["value"] for row in rows(artifacts, "evaluate/metrics")}
    demand(run.data.metrics["silhouette"] == metrics["silhouette"], "MLflow has the silhouette of artifacts/evaluate")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL}@champion", dst_path=folder)) / "model.onnx"
        trained = artifacts / "train/model.onnx"
        demand(model.read_bytes() == trained.read_bytes(), "the champion's model is the one in artifacts/train")
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
    listed = sorted(artifact.path for artifact in client.list_artifacts(run.info.run_id))
    return {
        "runs": sorted(run.info.run_id for run in runs),
        "status": run.info.status,
        "artifacts": listed,
        "champion": champion.version,
        "model": digest,
    }


def invoke(address: str, body: dict, token: str | None) -> list[dict]:
    """What the service answers to a body."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{address}/invocations", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["predictions"]


def served(address: str, artifacts: Path) -> dict:
    """Every customer, whose segment must be the one in the table."""
    customers = rows(artifacts, "rfm/customers")
    assigned = {row["customer_id"]: row for row in rows(artifacts, "train/assignments")}
    data = [[customer[feature] for feature in FEATURES] for customer in customers]
    body = {"dataframe_split": {"columns": FEATURES, "data": data}}
    token = os.environ.get("SEGPIPE_SERVE_TOKEN")
    answers = invoke(address, body, token)
    demand(len(answers) == len(customers) > 0, "the service answers with as many rows as it was asked for")
    for customer, answer in zip(customers, answers, strict=True):
        row = assigned[customer["customer_id"]]
        same = all(answer[column] == row[column] for column in ("segment", "segment_name"))
        demand(same, f"the service gives customer {customer['customer_id']} the segment of train/assignments")
    if token:
        try:
            invoke(address, body, None)
            demand(False, "the service refuses who does not know the token")
        except urllib.error.HTTPError as refusal:
            demand(refusal.code == 401, f"who does not know the token gets 401, not {refusal.code}")
    answered = hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()
    return {"customers": len(customers), "answers": answered}


def main() -> None:
    """Checks both, and prints what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlflow", required=True)
    parser.add_argument("--api", required=True)
    parser.add_argument("--artifacts", required=True, type=Path)
    given = parser.parse_args()
    there = {"mlflow": tracked(given.mlflow, given.artifacts), "api": served(given.api, given.artifacts)}
    print(json.dumps(there, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
