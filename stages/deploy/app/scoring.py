"""Which segment a customer is in, how clearly, and which comes next.

For: rows of raw recency, frequency and monetary values. The segment and its distance are model.onnx's; the runner-up
and the margin follow from model.json by segpipe's formulas, operation by operation in its order.
Not for: names and colours. Called by: the pages and `changes.py`. Knows no Streamlit.
"""

import os
from dataclasses import dataclass

import numpy as np

from bundle import REMEDY, BundleError, Model, Scaler

# onnxruntime reports to its maker unless it is told not to before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as failures

NO_MODEL = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
)

# Scaled values are kept within ±this, so that squares of them and their sums stay finite.
LIMIT = 1e100


@dataclass(frozen=True)
class Scores:
    """One entry a customer. For a model of one segment `runner_up` is -1 and `margin` NaN."""

    segment: np.ndarray
    distance: np.ndarray
    runner_up: np.ndarray
    margin: np.ndarray


def transform(scaler: Scaler, raw: np.ndarray) -> np.ndarray:
    """Raw values (n × 3) in scaled space."""
    shaped = raw if scaler.clip is None else np.clip(raw, scaler.clip[:, 0], scaler.clip[:, 1])
    if scaler.is_log:
        shaped = np.log(1.0 + np.maximum(shaped, 0.0))
    return np.clip((shaped - scaler.offset) / scaler.scale, -LIMIT, LIMIT)


class Scorer:
    """A model made ready to score many customers."""

    def __init__(self, model: Model) -> None:
        """Loads model.onnx; raises `BundleError` where that is none."""
        self.model = model
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(model.onnx, options, providers=["CPUExecutionProvider"])
        except NO_MODEL as error:
            raise BundleError(f"`model.onnx` cannot be loaded: {error}. {REMEDY}") from None
        self._input = self._session.get_inputs()[0].name
        self._factors, self._penalties = _components(model)

    def score(self, raw: np.ndarray) -> Scores:
        """Scores finite raw values (n × 3)."""
        raw = np.ascontiguousarray(raw, dtype=np.float64)
        if len(raw) == 0:
            nothing = np.empty(0)
            return Scores(nothing.astype(int), nothing, nothing.astype(int), nothing)
        segment, distance = self._session.run(["segment", "distance"], {self._input: raw})
        if len(self.model.names) == 1:
            return Scores(segment, distance, np.full(len(raw), -1), np.full(len(raw), np.nan))
        squared = self.squared(transform(self.model.scaler, raw))
        rows = np.arange(len(raw))
        costs = squared + self._penalties
        costs[rows, segment] = np.inf
        runner_up = costs.argmin(axis=1)
        other = np.sqrt(squared[rows, runner_up])
        margin = np.divide(other - distance, other, out=np.zeros(len(raw)), where=other > 0.0)
        return Scores(segment, distance, runner_up, margin)

    def segment(self, raw: tuple[float, float, float]) -> int:
        """The segment of one customer."""
        return int(self.score(np.array([raw])).segment[0])

    def squared(self, points: np.ndarray) -> np.ndarray:
        """Squared distances of scaled points (n × 3) to every centre (n × k)."""
        gap = points[:, None, :] - self.model.centroids[None, :, :]
        if self._factors is None:
            return gap[..., 0] * gap[..., 0] + gap[..., 1] * gap[..., 1] + gap[..., 2] * gap[..., 2]
        factor = self._factors
        first = factor[:, 0, 0] * gap[..., 0] + factor[:, 1, 0] * gap[..., 1] + factor[:, 2, 0] * gap[..., 2]
        second = factor[:, 1, 1] * gap[..., 1] + factor[:, 2, 1] * gap[..., 2]
        third = factor[:, 2, 2] * gap[..., 2]
        return first * first + second * second + third * third

    def costs(self, point: np.ndarray) -> np.ndarray:
        """What decides about one scaled point, per segment: the least cost wins."""
        return self.squared(point[None, :])[0] + self._penalties


def _components(model: Model) -> tuple[np.ndarray | None, np.ndarray]:
    """Lower triangles of a mixture's precisions, and −2 ln(weight) − ln det(precision)."""
    if model.mixture is None:
        return None, np.zeros(len(model.names))
    factors = np.linalg.cholesky(model.mixture.precisions)
    halves = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    return factors, -2.0 * np.log(model.mixture.weights) - 2.0 * halves
