"""Segments, runners-up, margins and changes, with numbers worked out by hand and against segpipe's own answers."""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bundle
from bundle import FEATURES, BundleError, Mixture, Model, Scaler
from changes import FREQUENCY, MONETARY, RECENCY, Change, changes
from conftest import APP
from scoring import Scorer, transform


def test_the_nearest_centre_wins_and_the_margin_is_how_much_nearer_it_is(scorer: Scorer) -> None:
    # Scaled (2, 8, 8): √3 from the first centre, √27 from the second.
    scores = scorer.score(np.array([[2.0, 8.0, 80.0]]))
    assert scores.segment.tolist() == [0]
    assert scores.runner_up.tolist() == [1]
    assert scores.distance[0] == pytest.approx(math.sqrt(3.0), rel=1e-15)
    assert scores.margin[0] == pytest.approx(2.0 / 3.0, rel=1e-15)


def test_of_equal_runners_up_the_lower_segment_is_named(scorer: Scorer) -> None:
    scores = scorer.score(np.array([[5.0, 5.0, 50.0]]))
    assert (scores.segment[0], scores.distance[0], scores.runner_up[0], scores.margin[0]) == (1, 0.0, 0, 1.0)


def test_nobody_can_be_scored_too(scorer: Scorer) -> None:
    assert len(scorer.score(np.empty((0, 3))).segment) == 0


def test_values_are_clipped_then_shaped_then_scaled() -> None:
    scaler = Scaler(np.array([[0.0, 9.0]] * 3), True, np.array([1.0, 0.0, 0.0]), np.array([2.0, 1.0, 1.0]))
    found = transform(scaler, np.array([[99.0, -5.0, 1.0]]))[0]
    assert found == pytest.approx([(math.log(10.0) - 1.0) / 2.0, 0.0, math.log(2.0)])
    straight = Scaler(None, False, np.zeros(3), np.array([1e-300, 1.0, 1.0]))
    assert transform(straight, np.array([[1.0, 2.0, 3.0]]))[0].tolist() == [1e100, 2.0, 3.0]


def mixture_of(small: bundle.Bundle) -> Model:
    precisions = np.array([np.diag([4.0, 1.0, 1.0]), np.eye(3), np.eye(3)])
    mixture = Mixture(np.array([0.5, 0.25, 0.25]), precisions)
    found = small.model
    return Model(found.scaler, found.names, found.centroids, mixture, found.ranges, found.onnx)


def test_a_mixture_weighs_distance_against_size_and_spread(small: bundle.Bundle) -> None:
    scorer = Scorer(mixture_of(small))
    point = np.array([2.0, 9.0, 9.0])
    # d² = 4 × 1², less 2 ln ½ and ln 4; and 3² + 4² + 4², less 2 ln ¼ and ln 1.
    assert scorer.costs(point)[:2] == pytest.approx(
        [4.0 - 2.0 * math.log(0.5) - math.log(4.0), 41.0 + 4.0 * math.log(2)]
    )


def test_the_smallest_change_is_where_two_segments_meet(scorer: Scorer) -> None:
    # From (9, 1, 1): 32 + (f − 5)² = (f − 1)² at f = 7, and the lower segment wins the tie; the same for the others.
    found = changes(scorer, (9.0, 1.0, 10.0))
    assert sorted(found, key=lambda change: change.feature) == [
        Change(RECENCY, 3.0, 1, 6.0),
        Change(FREQUENCY, 7.0, 1, 6.0),
        Change(MONETARY, 70.0, 1, 6.0),
    ]


def test_changes_are_whole_days_orders_and_cents_and_the_smallest_comes_first(scorer: Scorer) -> None:
    raw = (8.5, 1.0, 10.0)
    found = changes(scorer, raw)
    # 12.25 + 16 + (f − 5)² = 0.25 + (f − 1)² at f = 6.5: the next whole order is the seventh.
    assert [change.feature for change in found] == [RECENCY, MONETARY, FREQUENCY]
    assert [change.value for change in found] == [3.0, 65.0, 7.0]
    assert [change.effort for change in found] == pytest.approx([5.5, 5.5, 6.0])


def test_a_change_is_the_smallest_of_all_that_are_tried_one_by_one(scorer: Scorer) -> None:
    random = np.random.default_rng(7)
    for _ in range(25):
        raw = tuple(map(float, random.integers([0, 1, 1], [21, 21, 201])))
        current = scorer.segment(raw)
        tried = {
            RECENCY: [(float(value), raw[1], raw[2]) for value in range(int(raw[0]) - 1, -1, -1)],
            FREQUENCY: [(raw[0], float(value), raw[2]) for value in range(int(raw[1]) + 1, 21)],
            MONETARY: [(raw[0], raw[1], cents / 100.0) for cents in range(int(raw[2]) * 100 + 1, 20_001)],
        }
        expected = {}
        for feature, rows in tried.items():
            better = np.flatnonzero(scorer.score(np.array(rows).reshape(-1, 3)).segment < current)
            if len(better):
                expected[feature] = rows[better[0]][feature]
        assert {change.feature: change.value for change in changes(scorer, raw)} == expected, raw


def test_the_best_have_nowhere_to_go(scorer: Scorer) -> None:
    assert changes(scorer, (1.0, 9.0, 90.0)) == []


def test_a_model_of_one_segment_has_no_runner_up(make: Callable[..., Path]) -> None:
    def alone(contents: dict[str, Any]) -> None:
        for name in ("model.json", "segments.json"):
            del contents[name]["segments"][1:]

    scorer = Scorer(bundle.read(make(alone)).model)
    scores = scorer.score(np.array([[1.0, 9.0, 90.0]]))
    assert scores.runner_up.tolist() == [-1]
    assert math.isnan(scores.margin[0])
    assert changes(scorer, (9.0, 1.0, 10.0)) == []


def test_a_model_that_is_no_model_is_told_in_a_sentence(make: Callable[..., Path]) -> None:
    folder = make(lambda contents: contents.update({"model.onnx": b"nothing"}))
    with pytest.raises(BundleError, match=r"`model.onnx` cannot be loaded"):
        Scorer(bundle.read(folder).model)


def test_scoring_reports_to_nobody() -> None:
    """With a home that cannot be written, onnxruntime says so when it sets up its telemetry."""
    code = f"import sys; sys.path.insert(0, {str(APP)!r}); import scoring"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment["HOME"] = "/proc"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "telemetry" not in done.stderr


def test_every_customer_of_the_reference_data_gets_segpipes_answer(project: Path) -> None:
    found = bundle.read(project / "artifacts/deploy/bundle")
    customers = pd.read_parquet(project / "artifacts/rfm/customers.parquet")
    expected = pd.read_parquet(project / "artifacts/train/assignments.parquet")
    scores = Scorer(found.model).score(customers[list(FEATURES)].to_numpy(dtype=np.float64))
    assert len(expected) == 4338
    assert (scores.segment == expected["segment"].to_numpy()).all()
    assert (scores.runner_up == expected["runner_up"].to_numpy()).all()
    assert [found.segments[segment].name for segment in scores.segment] == expected["segment_name"].tolist()
    assert np.allclose(scores.distance, expected["distance"].to_numpy(), rtol=1e-12, atol=1e-14)
    assert np.allclose(scores.margin, expected["margin"].to_numpy(), rtol=1e-10, atol=1e-12)
