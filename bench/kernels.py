"""segpipe's kernels against scikit-learn's, on the same points, in one run: how long they take and what they reach.

Runs `cargo bench -p segpipe-stages --bench kernels`, then scikit-learn, and prints milliseconds, ratios and inertias;
exits 1 where a fit of segpipe's is worse. The points come of a formula that `stages/benches/kernels.rs` has too. Needs
the packages of `.ci/requirements.txt`.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RUNS = int(os.environ.get("RUNS", "3"))
SIZES = [4_338, 100_000]

# Of one optimum both may stop at either side of it.
TOLERANCE = 1.000_1


def points(n: int) -> np.ndarray:
    """Skewed features, scaled by z-scores: see `points` in stages/benches/kernels.rs."""
    i = np.arange(1, n + 1, dtype=np.float64)
    a, b, c = (-np.log1p(-((i * irrational) % 1.0)) for irrational in (0.61803398875, 0.41421356237, 0.73205080757))
    raw = np.stack([90.0 * a, 1.0 + 3.0 * b * b, 500.0 * b * c * c], axis=1)
    return (raw - raw.mean(axis=0)) / raw.std(axis=0)


def milliseconds(work: Callable[[], object]) -> float:
    """Median of RUNS runs."""

    def once() -> float:
        begin = time.perf_counter()
        work()
        return 1000.0 * (time.perf_counter() - begin)

    return statistics.median(once() for _ in range(RUNS))


def ours(group: str, name: str, n: int) -> float:
    """Criterion's median, in milliseconds."""
    path = TARGET / "criterion" / group / name / str(n) / "new/estimates.json"
    return json.loads(path.read_text())["median"]["point_estimate"] / 1e6


def inertia(k: int, n: int) -> float:
    """What ours reached, as the benchmark left it."""
    return float((TARGET / f"tmp/inertia-k{k}-{n}").read_text())


def row(what: str, n: int, own: float, other: float, inertias: str = "") -> None:
    print(f"| {what} | {n:,} | {own:,.1f} | {other:,.1f} | {other / own:.1f} | {inertias} |")


def main() -> None:
    subprocess.run(["cargo", "bench", "-p", "segpipe-stages", "--bench", "kernels"], cwd=ROOT, check=True)
    print("| | points | segpipe, ms | scikit-learn, ms | times faster | inertias |")
    print("|---|---|---|---|---|---|")
    worse = []
    for n in SIZES:
        data = points(n)
        for k in (4, 8):
            model = KMeans(n_clusters=k, n_init=10, random_state=42)
            took = milliseconds(partial(model.fit, data))
            own, other = inertia(k, n), float(model.inertia_)
            row(f"KMeans, k = {k}, 10 starts", n, ours("kmeans", f"k{k}", n), took, f"{own:,.2f}, {other:,.2f}")
            if own > other * TOLERANCE:
                worse.append(f"k = {k}, {n:,} points: inertia {own}, scikit-learn's is {other}")
        labels = KMeans(n_clusters=4, n_init=10, random_state=42).fit_predict(data)
        exact = milliseconds(partial(silhouette_score, data, labels))
        row("silhouette, k = 4, exact", n, ours("silhouette", "k4", n), exact)
    if worse:
        sys.exit("\n".join(["a fit is worse:", *worse]))


if __name__ == "__main__":
    main()
