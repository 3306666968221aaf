"""Where a customer stands: among others by rank, in what the model has seen, on the map.

For: pure functions of the bundle's numbers. Not for: drawing (`charts.py`). Called by: the page Predict.
Knows no Streamlit.
"""

import bisect
import math

import numpy as np

from bundle import FEATURES, Feature, Model, Projection


def rank(quantiles: tuple[float, ...], value: float) -> float:
    """The share of customers below `value`, equal ones counting half, by interpolation between quantiles."""
    if len(quantiles) < 2:
        return 0.5
    return (_reached(quantiles, value) + 1.0 - _reached(tuple(-q for q in reversed(quantiles)), -value)) / 2.0


def _reached(quantiles: tuple[float, ...], value: float) -> float:
    """The smallest share whose quantile is `value`."""
    right = bisect.bisect_left(quantiles, value)
    if right == 0:
        return 0.0
    if right == len(quantiles):
        return 1.0
    low, high = quantiles[right - 1], quantiles[right]
    return (right - 1 + (value - low) / (high - low)) / (len(quantiles) - 1)


def is_skewed(feature: Feature) -> bool:
    """Whether the values reach so much further above the median than below it that a straight scale hides most."""
    if not feature.quantiles:
        return False
    low, median, high = feature.quantiles[0], feature.quantiles[len(feature.quantiles) // 2], feature.quantiles[-1]
    return low >= 0.0 and high - median > 10.0 * (median - low) and high > median


def stops(low: float, high: float, is_log: bool, is_whole: bool, count: int = 200) -> list[float]:
    """Values for a slider from `low` to `high`, rounded to what people would say; the ends are kept."""
    if not high > low:
        return [low]
    shift = 1.0 if low <= 0.0 else 0.0
    if is_log:
        values = np.geomspace(low + shift, high + shift, count) - shift
    else:
        values = np.linspace(low, high, int(high - low) + 1 if is_whole and high - low < 1000 else count)
    inner = {_rounded(float(value), is_whole) for value in values}
    return sorted({low, high} | {value for value in inner if low < value < high})


def _rounded(value: float, is_whole: bool) -> float:
    if is_whole and abs(value) < 100.0:
        return float(round(value))
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return round(value, min(digits, 0 if is_whole else 2))


def nearest(values: list[float], value: float) -> float:
    """The one of sorted `values` that is nearest to `value`."""
    return min(values, key=lambda candidate: abs(candidate - value))


def outside(model: Model, raw: np.ndarray) -> np.ndarray:
    """Of rows of raw values (n × 3), which values lie outside what the model has seen."""
    return (raw < model.ranges[:, 0]) | (raw > model.ranges[:, 1])


def outside_names(model: Model, raw: tuple[float, float, float]) -> list[str]:
    """The features whose value lies outside what the model has seen."""
    return [name for name, is_outside in zip(FEATURES, outside(model, np.array([raw]))[0], strict=True) if is_outside]


def place(projection: Projection, scaled: np.ndarray) -> tuple[float, float]:
    """A scaled customer's place on the map."""
    x, y = projection.loadings[:2] @ (scaled - projection.mean)
    return float(x), float(y)
