"""Reads with MLflow's own client what segpipe delivered, and fails where it is not what was sealed.

The first argument says what is asked; see the functions at the end. Called by the tests beside it.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.server import get_app_client

CLIENT = MlflowClient()
KEY = "segpipe.run_key"


def active_runs(experiment_id):
    return CLIENT.search_runs([experiment_id], max_results=1000)


def run_of(key):
    experiments = [experiment.experiment_id for experiment in CLIENT.search_experiments()]
    runs = CLIENT.search_runs(experiments, f"tags.`{KEY}` = '{key}'")
    assert len(runs) == 1, f"{len(runs)} runs have the key {key}"
    return runs[0]


def facts(entry, kind):
    return [fact for fact in entry["record"] if fact["kind"] == kind]


def model_id(version):
    return version.source.removeprefix("models:/")


def is_finite(fact):
    return not isinstance(fact["value"], str)


def check_params(entry, run):
    for fact in facts(entry, "param"):
        assert run.data.params[fact["key"]] == fact["text"], fact
    for stage in entry["stages"]:
        for name, value in stage["params"].items():
            expected = value if isinstance(value, str) and value else json.dumps(value, separators=(",", ":"))
            found = run.data.params[f"{stage['name']}.{name}"]
            assert found == expected or json.loads(found) == value, (name, found, expected)


def check_metrics(entry, run):
    for fact in facts(entry, "metric"):
        if not is_finite(fact):
            assert fact["key"] in run.data.tags["segpipe.not_finite"], fact
        elif "step" not in fact:
            assert run.data.metrics[fact["key"]] == fact["value"], fact
    studied = [fact for fact in facts(entry, "metric") if fact["key"] == "k_study/inertia"]
    history = CLIENT.get_metric_history(run.info.run_id, "k_study/inertia")
    expected = sorted((fact["step"], fact["value"]) for fact in studied if is_finite(fact))
    assert sorted((point.step, point.value) for point in history) == expected and len(expected) > 1
    assert {point.timestamp for point in history} == {entry["ended_ms"]}
    assert "seconds/load" in run.data.metrics


def check_about(entry, run):
    assert (run.info.start_time, run.info.end_time) == (entry["started_ms"], entry["ended_ms"])
    assert run.info.status == "FINISHED"
    for fact in facts(entry, "tag"):
        assert run.data.tags[fact["key"]] == fact["text"], fact
    assert run.data.tags["mlflow.source.name"] == "pipeline.yaml"
    assert run.data.tags["mlflow.source.type"] == "LOCAL"
    assert run.data.tags["segpipe.data_source"] == "file"
    dataset = {fact["key"]: fact["text"] for fact in facts(entry, "dataset")}
    [found] = run.inputs.dataset_inputs
    for name in ["name", "digest", "source_type", "source", "schema", "profile"]:
        assert getattr(found.dataset, name) == dataset[name], name
    assert found.tags[0].value == "training"


def check_files(folder, entry, run):
    with tempfile.TemporaryDirectory() as target:
        there = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=target))
        for artifact in entry["artifacts"]:
            path = artifact["path"]
            assert (there / path).read_bytes() == (folder / "files" / path).read_bytes(), path
        found = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
        assert found == {artifact["path"] for artifact in entry["artifacts"]} | {"segpipe/stages.json"}, found


def customers(project):
    frame = pd.read_parquet(Path(project) / "artifacts/rfm/customers.parquet")
    return frame[["recency", "frequency", "monetary"]].astype(float)


def segments(project):
    return pd.read_parquet(Path(project) / "artifacts/train/assignments.parquet")["segment"].to_numpy()


def check_model(entry, run, project, version, is_of_run):
    name = next(stage["params"]["registered_model"] for stage in entry["stages"] if stage["kind"] == "track")
    found = CLIENT.get_model_version_by_alias(name, "champion")
    assert str(found.version) == version, found
    assert found.tags["segpipe.promotion"].startswith("champion: ") and "Model card" in found.description
    sources = [f"models:/{name}@champion", f"models:/{model_id(found)}"]
    if is_of_run:
        sources.append(f"runs:/{run.info.run_id}/{name}")
    for source in sources:
        model = mlflow.pyfunc.load_model(source)
        predicted = model.predict(customers(project))
        predicted = predicted["segment"] if hasattr(predicted, "columns") else predicted
        assert np.array_equal(np.asarray(predicted), segments(project)), source
    assert model.metadata.signature.inputs.input_names() == ["recency", "frequency", "monetary"]
    logged = CLIENT.get_logged_model(model_id(found))
    assert logged.status.name == "READY" and logged.source_run_id == run.info.run_id
    assert {metric.key for metric in logged.metrics} >= {"silhouette", "davies_bouldin"}, logged.metrics


def whole(entry_folder, project, version):
    """Everything about the entry is there, and the champion is `version`, which the project holds now."""
    folder = Path(entry_folder)
    entry = json.loads((folder / "entry.json").read_text())
    run = run_of(entry["key"])
    check_params(entry, run)
    check_metrics(entry, run)
    check_about(entry, run)
    check_files(folder, entry, run)
    check_model(entry, run, project, version, True)


def complete(prefix):
    """Every run of the experiments is there once, finished, with its file, its one model and its one version."""
    experiments = [found for found in CLIENT.search_experiments() if found.name.startswith(prefix)]
    assert experiments, prefix
    for experiment in experiments:
        runs = active_runs(experiment.experiment_id)
        keys = [run.data.tags[KEY] for run in runs]
        assert runs and len(set(keys)) == len(keys), (experiment.name, keys)
        for run in runs:
            assert run.info.status == "FINISHED", (experiment.name, run.info)
            assert run.data.metrics["silhouette"] is not None
            assert len(run.inputs.dataset_inputs) == 1, experiment.name
            assert len(run.outputs.model_outputs) == 1, (experiment.name, run.outputs)
            model = CLIENT.get_logged_model(run.outputs.model_outputs[0].model_id)
            assert model.status.name == "READY", (experiment.name, model)
            assert CLIENT.list_artifacts(run.info.run_id, "plots"), experiment.name
        models = CLIENT.search_logged_models([experiment.experiment_id])
        versions = CLIENT.search_model_versions(f"name = '{experiment.name}'")
        identities = {version.tags["segpipe.model_identity"] for version in versions}
        assert len(versions) == len(identities) == len(models) == len(runs), (
            experiment.name,
            len(versions),
            len(identities),
            len(models),
            len(runs),
        )
        assert {model_id(version) for version in versions} == {model.model_id for model in models}
        if prefix != "whole":
            newest = max(int(version.version) for version in versions)
            assert int(CLIENT.get_model_version_by_alias(experiment.name, "champion").version) == newest
            assert int(CLIENT.get_model_version_by_alias(experiment.name, "challenger").version) == newest


def sweep(experiment, combinations, best=""):
    """One run with a child per combination, all of them complete, and no model; `best` is the k found first."""
    found = CLIENT.get_experiment_by_name(experiment).experiment_id
    runs = active_runs(found)
    [parent] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert len(children) == int(combinations), len(children)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    keys = {run.data.tags[KEY] for run in runs}
    assert len(keys) == len(runs) and all(run.info.status == "FINISHED" for run in runs), runs
    numbers = sorted(int(run.data.tags["segpipe.combination"]) for run in children)
    assert numbers == list(range(1, len(children) + 1)), numbers
    assert "silhouette" not in parent.data.metrics and all("silhouette" in run.data.metrics for run in children)
    assert not CLIENT.search_logged_models([found]) and not any(run.outputs.model_outputs for run in runs)
    assert not CLIENT.search_registered_models(f"name = '{experiment}'")
    if best:
        ranked = mlflow.search_runs(experiment_names=[experiment], order_by=["metrics.silhouette DESC"])
        first = ranked.iloc[0]
        assert first["params.train.k"] == best and first["params.k"] == best, first
        sets = first["tags.segpipe.sets"].split()
        assert all(first[f"params.{name}"] == value for name, value in (text.split("=") for text in sets)), first
        assert parent.data.tags["segpipe.best_combination"] == first["tags.segpipe.sets"]
        table = pd.read_csv(
            mlflow.artifacts.download_artifacts(run_id=parent.info.run_id, artifact_path="sweep/ranking.csv")
        )
        assert str(table["train.k"][0]) == best and len(table) == len(children), table
        assert abs(table["silhouette"][0] - first["metrics.silhouette"]) < 1e-12
        assert {path.path for path in CLIENT.list_artifacts(children[0].info.run_id)} >= {"report.html", "tables"}


def sweeps(prefix, combinations):
    """Each of these experiments holds one sweep."""
    names = [found.name for found in CLIENT.search_experiments() if found.name.startswith(prefix)]
    assert names, prefix
    for name in names:
        sweep(name, combinations)


def delete_parent(experiment):
    """Deletes the run of the sweep itself."""
    runs = active_runs(CLIENT.get_experiment_by_name(experiment).experiment_id)
    [parent] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    CLIENT.delete_run(parent.info.run_id)


def champion(name, version):
    """The alias is on this version."""
    found = CLIENT.get_model_version_by_alias(name, "champion").version
    assert str(found) == version, found


def serve(name, project):
    """`mlflow models serve` answers with the segments."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["mlflow", "models", "serve", "-m", f"models:/{name}@champion", "--env-manager", "local"]
    server = subprocess.Popen([*command, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{address}/ping", timeout=2)
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None, "it does not start"
                time.sleep(0.3)
        body = json.dumps({"dataframe_split": json.loads(customers(project).to_json(orient="split", index=False))})
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/invocations", body.encode(), headers)
        predictions = json.load(urllib.request.urlopen(request, timeout=60))["predictions"]
        assert [row["segment"] for row in predictions] == segments(project).tolist()
    finally:
        server.terminate()
        server.wait(30)


def size(experiment, path):
    """Prints the size of a file of the experiment's only run."""
    [run] = active_runs(CLIENT.get_experiment_by_name(experiment).experiment_id)
    [found] = [file for file in CLIENT.list_artifacts(run.info.run_id) if file.path == path]
    print(found.file_size)


def delete_run(entry_folder):
    """Deletes the entry's run."""
    entry = json.loads((Path(entry_folder) / "entry.json").read_text())
    CLIENT.delete_run(run_of(entry["key"]).info.run_id)


def delete_experiment(name):
    """Deletes an experiment."""
    CLIENT.delete_experiment(CLIENT.get_experiment_by_name(name).experiment_id)


def folder_experiment(database, name, folder):
    """Makes an experiment as one who works on the server's database without the server."""
    MlflowClient(tracking_uri=database).create_experiment(name, artifact_location=folder)


def user(name, password):
    """Makes a user, who may read."""
    get_app_client("basic-auth", mlflow.get_tracking_uri()).create_user(name, password)


QUESTIONS = [
    whole,
    complete,
    sweep,
    sweeps,
    champion,
    serve,
    size,
    delete_run,
    delete_parent,
    delete_experiment,
    folder_experiment,
    user,
]

if __name__ == "__main__":
    by_name = {question.__name__.replace("_", "-"): question for question in QUESTIONS}
    by_name[sys.argv[1]](*sys.argv[2:])
