"""What the tests of the app share: bundles small enough to work out by hand, and the one of a project.

`SEGPIPE_PROJECT` names a folder in which `segpipe run` has run on the reference data; `.ci/run` sets it. The app's
modules are imported from its sources.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "stages/deploy/app"
sys.path.insert(0, str(APP))

import bundle
import scoring

# Centres at 9, 5 and 1 on the diagonal of a space that is not scaled: segment 0 is the most valuable.
CENTRES = [[1.0, 9.0, 90.0], [5.0, 5.0, 50.0], [9.0, 1.0, 10.0]]


def nearest_centre(centres: list[list[float]], scale: list[float]) -> bytes:
    """An ONNX model that does what segpipe's does: nearest centre of scaled values, and the distance to it."""
    constants = [
        helper.make_tensor("scale", TensorProto.DOUBLE, [3], scale),
        helper.make_tensor("centres", TensorProto.DOUBLE, [1, len(centres), 3], [x for row in centres for x in row]),
        helper.make_tensor("middle", TensorProto.INT64, [1], [1]),
        helper.make_tensor("last", TensorProto.INT64, [1], [2]),
    ]
    nodes = [
        helper.make_node("Div", ["features", "scale"], ["scaled"]),
        helper.make_node("Unsqueeze", ["scaled", "middle"], ["points"]),
        helper.make_node("Sub", ["points", "centres"], ["gap"]),
        helper.make_node("Mul", ["gap", "gap"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "last"], ["squared"], keepdims=0),
        helper.make_node("ArgMin", ["squared"], ["segment"], axis=1, keepdims=0),
        helper.make_node("ReduceMin", ["squared"], ["least"], axes=[1], keepdims=0),
        helper.make_node("Sqrt", ["least"], ["distance"]),
    ]
    ports = [
        helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["n", 3]),
        helper.make_tensor_value_info("segment", TensorProto.INT64, ["n"]),
        helper.make_tensor_value_info("distance", TensorProto.DOUBLE, ["n"]),
    ]
    graph = helper.make_graph(nodes, "nearest", ports[:1], ports[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def feature(name: str, unit: str, quantiles: list[float]) -> dict[str, Any]:
    return {"feature": name, "unit": unit, "mean": 5.0, "quantiles": quantiles}


def features(low: float, high: float) -> list[dict[str, Any]]:
    """Evenly spread values."""
    steps = [low + (high - low) * step / 20 for step in range(21)]
    money = [step * 10 for step in steps]
    return [
        feature("recency", "days", steps),
        feature("frequency", "orders", steps),
        feature("monetary", "money", money),
    ]


def segment(number: int, name: str, low: float) -> dict[str, Any]:
    return {
        "segment": number,
        "name": name,
        "colour": ["#0072b2", "#e69f00", "#009e73"][number],
        "description": f"those of {name}",
        "action": f"do what suits {name}",
        "customers": 4,
        "customer_share": 1 / 3,
        "revenue": 100.0,
        "revenue_share": 1 / 3,
        "silhouette": 0.5,
        "quartiles": [[low, low + 1, low + 2], [low, low + 1, low + 2], [low * 10, low * 10 + 10, low * 10 + 20]],
        "features": features(low, low + 4),
    }


def files(names: list[str], centres: list[list[float]]) -> dict[str, Any]:
    """The JSON files of a bundle of so many segments."""
    scale = [1.0, 1.0, 10.0]
    scaled = [[x / s for x, s in zip(centre, scale, strict=True)] for centre in centres]
    model = {
        "version": 1,
        "algorithm": "kmeans",
        "scaler": {"method": "none", "clip": None, "is_log": False, "offset": [0.0] * 3, "scale": scale},
        "segments": [{"segment": i, "name": name, "centroid": scaled[i]} for i, name in enumerate(names)],
        "mixture": None,
        "ranges": [[0.0, 20.0], [1.0, 20.0], [1.0, 200.0]],
    }
    cards = {
        "version": 1,
        "data": {
            "source": "file",
            "customers": 12,
            "revenue": 300.0,
            "period": ["2011-01-01T10:00:00", "2011-12-09T12:50:00"],
            "snapshot": "2011-12-10T12:50:00",
        },
        "warnings": [{"code": "few", "message": "only `12` customers"}],
        "metrics": [{"metric": "silhouette", "value": 0.6}],
        "study": [
            {"k": 2, "inertia": 10.0, "silhouette": 0.5, "is_selected": False},
            {"k": 3, "inertia": 5.0, "silhouette": 0.6, "is_selected": True},
        ],
        "features": features(0.0, 10.0),
        "segments": [segment(i, name, [6.0, 3.0, 0.0][i]) for i, name in enumerate(names)],
    }
    pca = {
        "version": 1,
        "mean": [1.0, 1.0, 1.0],
        "loadings": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
        "explained": [0.6, 0.3, 0.1],
    }
    places = {
        "version": 1,
        "customers": 12,
        "x": [0.0, 4.0, 8.0],
        "y": [0.0, 4.0, 8.0],
        "segment": [i % len(names) for i in range(3)],
    }
    return {
        "model.json": model,
        "segments.json": cards,
        "pca.json": pca,
        "map.json": places,
        "model.onnx": nearest_centre(scaled, scale),
        "model_card.md": b"# Model card\n\nWhat it is.\n",
        "model_card.html": b"<h1>Model card</h1>",
        "plots/silhouette.svg": b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path d="M0 0h4"/></svg>',
    }


def write(folder: Path, contents: dict[str, Any]) -> Path:
    """Writes a bundle with its manifest."""
    listed = []
    for name, value in contents.items():
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        listed.append({"path": name, "sha256": hashlib.sha256(content).hexdigest()})
    manifest = {"version": 1, "model_identity": "0123abcd", "files": listed}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Writes the bundle of three segments after `change` has had its way with the files."""

    def written(change: Callable[[dict[str, Any]], None] = lambda contents: None) -> Path:
        contents = files(["Best", "Middling", "Gone"], CENTRES)
        change(contents)
        return write(tmp_path / "bundle", contents)

    return written


@pytest.fixture
def small(make: Callable[..., Path]) -> bundle.Bundle:
    return bundle.read(make())


@pytest.fixture
def scorer(small: bundle.Bundle) -> scoring.Scorer:
    return scoring.Scorer(small.model)


@pytest.fixture(scope="session")
def project() -> Path:
    """A project in which everything has run on the reference data."""
    named = os.environ.get("SEGPIPE_PROJECT")
    assert named, "SEGPIPE_PROJECT names no project in which `segpipe run` has run"
    return Path(named)
