"""Ranks, ranges and sliders, with numbers worked out by hand."""

import numpy as np
import pytest

import bundle
import placing
from bundle import Feature

EVEN = tuple(float(step) for step in range(11))


@pytest.mark.parametrize(
    ("quantiles", "value", "expected"),
    [
        (EVEN, 2.5, 0.25),
        (EVEN, -1.0, 0.0),
        (EVEN, 0.0, 0.0),
        (EVEN, 10.0, 1.0),
        (EVEN, 99.0, 1.0),
        # Half of the lower half, which all have this value.
        ((1.0, 1.0, 1.0, 2.0, 3.0), 1.0, 0.25),
        ((1.0, 1.0, 1.0, 2.0, 3.0), 2.5, 0.875),
        ((4.0, 4.0, 4.0), 4.0, 0.5),
        ((), 4.0, 0.5),
    ],
)
def test_a_rank_is_the_share_below_with_half_of_the_equals(
    quantiles: tuple[float, ...], value: float, expected: float
) -> None:
    assert placing.rank(quantiles, value) == pytest.approx(expected)


def test_values_that_reach_far_above_the_median_are_skewed() -> None:
    assert not placing.is_skewed(Feature("recency", "days", 5.0, EVEN))
    assert placing.is_skewed(Feature("monetary", "money", 5.0, (1.0, 5.0, 50.0)))
    assert not placing.is_skewed(Feature("monetary", "money", 5.0, (-9.0, 5.0, 5000.0))), "no logarithm of losses"
    assert not placing.is_skewed(Feature("monetary", "money", 5.0, (1.0, 1.0, 1.0)))
    assert not placing.is_skewed(Feature("monetary", "money", None, ()))


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize(("low", "high"), [(0.0, 374.0), (1.0, 209.0), (3.75, 280_206.02), (-5.0, 5.0), (2.0, 2.0)])
def test_a_sliders_stops_rise_from_the_lowest_value_to_the_highest(low: float, high: float, is_log: bool) -> None:
    found = placing.stops(low, high, is_log and low >= 0.0, is_whole=low == round(low))
    assert (found[0], found[-1]) == (low, high)
    assert found == sorted(set(found))
    assert len(found) <= 1000


def test_stops_of_a_logarithmic_slider_are_what_people_would_say() -> None:
    assert placing.stops(1.0, 1000.0, is_log=True, is_whole=True, count=4) == [1.0, 10.0, 100.0, 1000.0]
    assert placing.stops(0.0, 999.0, is_log=True, is_whole=True, count=4) == [0.0, 9.0, 99.0, 999.0]


def test_the_nearest_stop_is_found() -> None:
    assert placing.nearest([1.0, 4.0, 9.0], 5.0) == 4.0


def test_what_the_model_has_not_seen_is_named(small: bundle.Bundle) -> None:
    assert placing.outside_names(small.model, (20.0, 1.0, 200.0)) == []
    assert placing.outside_names(small.model, (21.0, 1.0, 0.5)) == ["recency", "monetary"]
    rows = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    assert placing.outside(small.model, rows).any(axis=1).tolist() == [False, True]


def test_a_place_is_the_loadings_times_what_is_left_of_the_mean(small: bundle.Bundle) -> None:
    assert placing.place(small.projection, np.array([3.0, 5.0, 9.0])) == (8.0, 4.0)
