"""The smallest change that would move a customer up, to a segment of higher value.

For: one customer and one feature at a time, exactly: along one feature every segment's cost is a parabola, and the
winner changes only where two of them cross. Not for: words (`wording.py`). Called by: the page Predict.
Knows no Streamlit.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from bundle import Model
from scoring import Scorer, transform

RECENCY, FREQUENCY, MONETARY = range(3)
# What one step of a feature is: a day, an order, a cent. Recency falls, the others rise.
STEPS = (1.0, 1.0, 0.01)


@dataclass(frozen=True)
class Change:
    """A feature's value at which a customer, otherwise the same, is in a better segment."""

    feature: int
    value: float
    segment: int
    # How far that is in scaled space, by which changes of different features compare.
    effort: float


def changes(scorer: Scorer, raw: tuple[float, float, float]) -> list[Change]:
    """The smallest change of each feature that moves the customer up, the smallest of all first.

    Only values that the model has seen are considered, since beyond them it can promise nothing.
    """
    current = scorer.segment(raw)
    found = (_along(scorer, raw, feature, current) for feature in range(3))
    return sorted((change for change in found if change), key=lambda change: change.effort)


def _along(scorer: Scorer, raw: tuple[float, float, float], feature: int, current: int) -> Change | None:
    for value in _candidates(scorer, raw, feature):
        changed = _with(raw, feature, value)
        segment = scorer.segment(changed)
        if segment < current:
            points = transform(scorer.model.scaler, np.array([raw, changed]))
            return Change(feature, value, segment, float(abs(points[1] - points[0])[feature]))
    return None


def _candidates(scorer: Scorer, raw: tuple[float, float, float], feature: int) -> list[float]:
    """The first whole steps behind every crossing, the nearest first."""
    low, high = scorer.model.ranges[feature]
    start, step = raw[feature], STEPS[feature]
    is_falling = feature == RECENCY
    values = set()
    for crossing in _crossings(scorer, raw, feature):
        steps = math.floor(crossing / step) if is_falling else math.ceil(crossing / step)
        # One more on either side: a crossing is known only to the last bits.
        for nearby in (steps - 1, steps, steps + 1):
            values.add(round(nearby * step, 2))
    wanted = [value for value in values if (low <= value < start if is_falling else start < value <= high)]
    return sorted(wanted, reverse=is_falling)


def _crossings(scorer: Scorer, raw: tuple[float, float, float], feature: int) -> list[float]:
    """Raw values of the feature at which the costs of two segments are equal."""
    point = transform(scorer.model.scaler, np.array([raw]))[0]
    parabolas = _parabolas(scorer, point, feature)
    found = []
    for left, right in itertools.combinations(parabolas, 2):
        difference = left - right
        if np.isfinite(difference).all():
            roots = np.roots(difference)
            found += [_raw(scorer.model, feature, float(root.real)) for root in roots if abs(root.imag) < 1e-9]
    return [value for value in found if math.isfinite(value)]


def _parabolas(scorer: Scorer, point: np.ndarray, feature: int) -> np.ndarray:
    """Per segment the coefficients of its cost in the scaled feature, the highest power first."""
    model = scorer.model
    precisions = np.eye(3)[None].repeat(len(model.names), 0) if model.mixture is None else model.mixture.precisions
    at_zero = point.copy()
    at_zero[feature] = 0.0
    square = precisions[:, feature, feature]
    linear = 2.0 * (precisions[:, feature, :] * (at_zero - model.centroids)).sum(axis=1)
    return np.stack([square, linear, scorer.costs(at_zero)], axis=1)


def _raw(model: Model, feature: int, scaled: float) -> float:
    value = scaled * model.scaler.scale[feature] + model.scaler.offset[feature]
    if not model.scaler.is_log:
        return float(value)
    return math.expm1(value) if value < 700.0 else math.inf


def _with(raw: tuple[float, float, float], feature: int, value: float) -> tuple[float, float, float]:
    changed = list(raw)
    changed[feature] = value
    return changed[0], changed[1], changed[2]
