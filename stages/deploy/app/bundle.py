"""The bundle around the app: read once, held against its manifest, as typed values.

For: everything the pages say about data, model and segments. Not for: scoring (`scoring.py`) or showing (`views`).
Called by: `session.py`, and the tests. Knows no Streamlit.

Digests are checked as SHA-256, which Python has; `segpipe` itself checks the BLAKE3 digests beside them.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

FEATURES = ("recency", "frequency", "monetary")
# Versions of the files that this app understands.
VERSION = 1
T = TypeVar("T")

REMEDY = "Make the bundle anew with `segpipe run`."


class BundleError(Exception):
    """A folder that is no bundle that can be used; its text is a sentence that says what to do."""


@dataclass(frozen=True)
class Data:
    """What the segments were found in."""

    source: str
    customers: int
    revenue: float
    period: tuple[str, str] | None
    snapshot: str

    @property
    def is_simulated(self) -> bool:
        """Whether the customers never existed."""
        return self.source == "simulated"


@dataclass(frozen=True)
class Feature:
    """One feature of all customers, or of a segment's: its mean and its 0, 5, …, 100 % quantiles."""

    name: str
    unit: str
    mean: float | None
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Segment:
    """One segment. `quartiles` are q1, median and q3 of each feature."""

    number: int
    name: str
    colour: str
    description: str
    action: str
    customers: int
    customer_share: float
    revenue: float
    revenue_share: float
    silhouette: float | None
    quartiles: tuple[tuple[float | None, ...], ...]
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class Study:
    """One number of segments that was compared."""

    k: int
    inertia: float | None
    silhouette: float | None
    is_selected: bool


@dataclass(frozen=True)
class Scaler:
    """How raw values become scaled ones: clip, logarithm of 1 + x, offset, scale."""

    clip: np.ndarray | None
    is_log: bool
    offset: np.ndarray
    scale: np.ndarray


@dataclass(frozen=True)
class Mixture:
    """What a Gaussian mixture has besides its means: weights and precision matrices."""

    weights: np.ndarray
    precisions: np.ndarray


@dataclass(frozen=True)
class Model:
    """Everything in model.json that scoring needs. Segment 0 has the highest median monetary value."""

    scaler: Scaler
    names: tuple[str, ...]
    centroids: np.ndarray
    mixture: Mixture | None
    # Smallest and largest value seen, per feature.
    ranges: np.ndarray
    onnx: bytes


@dataclass(frozen=True)
class Projection:
    """Where the map puts a scaled customer: loadings × (scaled − mean)."""

    mean: np.ndarray
    loadings: np.ndarray
    explained: tuple[float, ...]


@dataclass(frozen=True)
class Map:
    """A sample of customers on the map, without ids."""

    customers: int
    x: tuple[float, ...]
    y: tuple[float, ...]
    segment: tuple[int, ...]


@dataclass(frozen=True)
class Bundle:
    """A bundle that is whole."""

    data: Data
    warnings: tuple[str, ...]
    metrics: dict[str, float | None]
    study: tuple[Study, ...]
    features: tuple[Feature, ...]
    segments: tuple[Segment, ...]
    model: Model
    # Tells the model from all others, as the tags on a tracking server do.
    identity: str
    projection: Projection
    map: Map
    card: str
    card_page: bytes
    # SVG by name, such as `silhouette`.
    plots: dict[str, str]


def location() -> Path:
    """Where the bundle is: around the app, or where `SEGPIPE_BUNDLE` says."""
    named = os.environ.get("SEGPIPE_BUNDLE")
    return Path(named) if named else Path(__file__).resolve().parent.parent


def read(directory: Path) -> Bundle:
    """The bundle in `directory`; raises `BundleError` where a file is missing, changed or not understood."""
    manifest = _json("manifest.json", _bytes(directory / "manifest.json"))
    files = _understood("manifest.json", lambda: _checked(directory, manifest["files"]))
    identity = _understood("manifest.json", lambda: str(manifest["model_identity"]))

    def content(name: str) -> bytes:
        if name not in files:
            raise BundleError(f"The bundle has no `{name}`. {REMEDY}")
        return files[name]

    def parsed(name: str) -> dict[str, Any]:
        return _json(name, content(name))

    cards = parsed("segments.json")
    model = _understood("model.json", lambda: _model(parsed("model.json"), content("model.onnx")))
    segments = _understood("segments.json", lambda: tuple(map(_segment, cards["segments"])))
    if tuple(segment.name for segment in segments) != model.names:
        raise BundleError(f"`segments.json` describes other segments than `model.json` has. {REMEDY}")
    return Bundle(
        data=_understood("segments.json", lambda: _data(cards["data"])),
        warnings=_understood("segments.json", lambda: tuple(str(card["message"]) for card in cards["warnings"])),
        metrics=_understood("segments.json", lambda: {card["metric"]: card["value"] for card in cards["metrics"]}),
        study=_understood("segments.json", lambda: tuple(Study(**card) for card in cards["study"])),
        features=_understood("segments.json", lambda: _features(cards["features"])),
        segments=segments,
        model=model,
        identity=identity,
        projection=_understood("pca.json", lambda: _projection(parsed("pca.json"))),
        map=_understood("map.json", lambda: _map(parsed("map.json"))),
        card=content("model_card.md").decode(),
        card_page=content("model_card.html"),
        plots={Path(name).stem: svg.decode() for name, svg in files.items() if name.endswith(".svg")},
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(
            f"There is no `{path.name}` in `{path.parent}`. {REMEDY} `SEGPIPE_BUNDLE` names another folder."
        ) from None
    except OSError as error:
        raise BundleError(f"`{path}` cannot be read: {error.strerror}.") from None


def _json(name: str, content: bytes) -> dict[str, Any]:
    """The JSON object of a file whose version this app understands."""
    try:
        value = json.loads(content)
    except ValueError:
        raise BundleError(f"`{name}` is not JSON. {REMEDY}") from None
    version = value.get("version") if isinstance(value, dict) else None
    if version != VERSION:
        raise BundleError(
            f"`{name}` has version {version}, and this app reads version {VERSION}: "
            f"the app and the bundle come from different versions of segpipe. {REMEDY}"
        )
    return value


def _understood(name: str, read: Callable[[], T]) -> T:
    """What `read` makes of a file, or a sentence."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        problem = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
        raise BundleError(f"`{name}` cannot be understood: {problem}. {REMEDY}") from None


def _checked(directory: Path, files: list[dict[str, Any]]) -> dict[str, bytes]:
    """The content of every file of the manifest that is not the app itself, as it was bundled."""
    contents = {}
    for file in files:
        name = str(file["path"])
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BundleError(f"`manifest.json` names `{name}`, which is not in the bundle. {REMEDY}")
        if name.startswith("app/"):
            continue
        contents[name] = _bytes(directory / name)
        if hashlib.sha256(contents[name]).hexdigest() != file["sha256"]:
            raise BundleError(f"`{name}` has changed since the bundle was made. {REMEDY}")
    return contents


def _data(card: dict[str, Any]) -> Data:
    period = card["period"]
    return Data(
        source=card["source"],
        customers=int(card["customers"]),
        revenue=float(card["revenue"]),
        period=(period[0], period[1]) if period else None,
        snapshot=card["snapshot"],
    )


def _features(cards: list[dict[str, Any]]) -> tuple[Feature, ...]:
    if tuple(card["feature"] for card in cards) != FEATURES:
        raise ValueError("the features are not recency, frequency and monetary")
    return tuple(
        Feature(card["feature"], card["unit"], card["mean"], tuple(map(float, card["quantiles"]))) for card in cards
    )


def _segment(card: dict[str, Any]) -> Segment:
    return Segment(
        number=int(card["segment"]),
        name=str(card["name"]),
        colour=str(card["colour"]),
        description=str(card["description"]),
        action=str(card["action"]),
        customers=int(card["customers"]),
        customer_share=float(card["customer_share"]),
        revenue=float(card["revenue"]),
        revenue_share=float(card["revenue_share"]),
        silhouette=card["silhouette"],
        quartiles=tuple(tuple(quartiles) for quartiles in card["quartiles"]),
        features=_features(card["features"]),
    )


def _model(value: dict[str, Any], onnx: bytes) -> Model:
    scaler, mixture = value["scaler"], value["mixture"]
    return Model(
        scaler=Scaler(
            clip=None if scaler["clip"] is None else _array(scaler["clip"], (3, 2)),
            is_log=bool(scaler["is_log"]),
            offset=_array(scaler["offset"], (3,)),
            scale=_array(scaler["scale"], (3,)),
        ),
        names=tuple(segment["name"] for segment in value["segments"]),
        centroids=_array([segment["centroid"] for segment in value["segments"]], (len(value["segments"]), 3)),
        mixture=None if mixture is None else _mixture(mixture, len(value["segments"])),
        ranges=_array(value["ranges"], (3, 2)),
        onnx=onnx,
    )


def _mixture(value: dict[str, Any], segments: int) -> Mixture:
    return Mixture(_array(value["weights"], (segments,)), _array(value["precisions"], (segments, 3, 3)))


def _projection(value: dict[str, Any]) -> Projection:
    return Projection(
        mean=_array(value["mean"], (3,)),
        loadings=_array(value["loadings"], (3, 3)),
        explained=tuple(map(float, value["explained"])),
    )


def _map(value: dict[str, Any]) -> Map:
    return Map(int(value["customers"]), tuple(value["x"]), tuple(value["y"]), tuple(value["segment"]))


def _array(value: object, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"numbers in the shape {array.shape} where {shape} is expected")
    return array
