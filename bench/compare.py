"""Whole commands against each other: segpipe, and the same work in pandas, scikit-learn and matplotlib.

Alternates the commands so that a busy machine slows all of them, and prints medians and ratios as the table of the
README. With `--check`, exits 1 where a command is not faster than the baseline by the factor in FLOORS: ratios of one
run hold on any machine, seconds do not. `RUNS` says how often (5).
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("SEGPIPE_BINARY", ROOT / "target/release/segpipe"))
SHARED = Path(os.environ.get("SEGPIPE_SHARED", ROOT.parent / "shared"))
RUNS = int(os.environ.get("RUNS", "5"))

COLD = "segpipe run, nothing there yet"
IDLE = "segpipe run, nothing to do"
TO_TRAIN = "segpipe run --set train.k=… --to train"
ANOTHER_K = "segpipe run --set train.k=…"
BASELINE = "pandas + scikit-learn + matplotlib"
BASELINE_STUDY = "the same with the study of k = 2..10"

# How many times faster than the baseline: a third to a half of what an idle machine with two cores gives, so that a
# change for the worse is noticed and a busy machine is not.
FLOORS = {COLD: 1.7, IDLE: 80, TO_TRAIN: 10, ANOTHER_K: 5}


def timed(command: list[str | Path], folder: Path) -> float:
    """Wall seconds of a command that must succeed."""
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        sys.exit(f"{command} gives {done.returncode}\n{done.stderr}")
    return seconds


def segpipe(folder: Path, *arguments: str) -> float:
    return timed([BINARY, "run", *arguments], folder)


def new_project(folder: Path) -> Path:
    """pipeline.yaml and the plain CSV, and nothing else."""
    data = folder / "data"
    data.mkdir(parents=True)
    shutil.copy(ROOT / "pipeline.yaml", folder)
    compressed = SHARED / "data/online-retail/online_retail.csv.gz"
    with gzip.open(compressed) as source, (data / "online_retail.csv").open("wb") as target:
        shutil.copyfileobj(source, target)
    return folder


def cold(folder: Path) -> float:
    """A run without any earlier result, which is moved away: a file system is slower after it has removed files."""
    artifacts = folder / "artifacts"
    if artifacts.exists():
        artifacts.rename(folder / f"earlier-{time.time_ns()}")
    return segpipe(folder)


def baseline(folder: Path, *arguments: str) -> float:
    script = ROOT / "bench/baseline.py"
    return timed([sys.executable, script, "data/online_retail.csv", "baseline", *arguments], folder)


def measure(folder: Path) -> dict[str, list[float]]:
    """Every command `RUNS` times, in turns."""
    seconds: dict[str, list[float]] = {}

    def note(name: str, command: Callable[[], float]) -> None:
        seconds.setdefault(name, []).append(command())

    segpipe(folder)
    baseline(folder)
    for turn in range(RUNS):
        note(COLD, lambda: cold(folder))
        note(IDLE, lambda: segpipe(folder))
        # Both are new in every turn, since the cold run began with an empty store.
        note(TO_TRAIN, lambda: segpipe(folder, "--set", "train.k=5", "--to", "train"))
        note(ANOTHER_K, lambda: segpipe(folder, "--set", "train.k=6"))
        note(BASELINE, lambda: baseline(folder))
        if turn == 0:
            note(BASELINE_STUDY, lambda: baseline(folder, "--study"))
    return seconds


def show(seconds: dict[str, list[float]]) -> None:
    """The table of the README."""
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"| command | median | fastest … slowest ({RUNS} runs) | {BASELINE} takes |")
    print("|---|---|---|---|")
    for name, times in seconds.items():
        ratio = medians[BASELINE] / medians[name]
        shown = f"{ratio:.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×"
        spread = f"{min(times):.3f} … {max(times):.3f} s"
        print(f"| `{name}` | {medians[name]:.3f} s | {spread} | {shown} |")


def check(seconds: dict[str, list[float]]) -> list[str]:
    """The floors that are broken. Judged by the fastest turns, since other work on the machine only adds."""
    ratios = {name: min(seconds[BASELINE]) / min(seconds[name]) for name in FLOORS}
    broken = [name for name, ratio in ratios.items() if ratio < FLOORS[name]]
    return [f"{name}: {ratios[name]:.1f} times faster, at least {FLOORS[name]} expected" for name in broken]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="exit 1 where a floor is broken")
    arguments.add_argument("--json", type=Path, help="write every measured second here")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as temporary:
        seconds = measure(new_project(Path(temporary) / "project"))
    show(seconds)
    if given.json:
        given.json.write_text(json.dumps(seconds, indent=1))
    broken = check(seconds) if given.check else []
    if broken:
        sys.exit("\n".join(["too slow:", *broken]))


if __name__ == "__main__":
    main()
