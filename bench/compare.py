"""Whole commands against each other: segpipe, and the same work in pandas, scikit-learn and matplotlib.

Alternates the commands so that a busy machine slows all of them, and prints medians and ratios as the table of the
README. With `--check`, exits 1 where a limit of the project is broken: see LIMITS. `RUNS` says how often (5), `SLACK`
by how much the limits in seconds may be passed on a slower or busier machine (1).
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
SLACK = float(os.environ.get("SLACK", "1"))

COLD = "segpipe run, nothing there yet"
IDLE = "segpipe run, nothing to do"
TO_TRAIN = "segpipe run --set train.k=… --to train"
ANOTHER_K = "segpipe run --set train.k=…"
BASELINE = "pandas + scikit-learn + matplotlib"
BASELINE_STUDY = "the same with the study of k = 2..10"

# Seconds on an idle machine with two cores; and the ratio of the cold run to the baseline, which holds on any machine.
LIMITS = {IDLE: 0.015, TO_TRAIN: 0.060, ANOTHER_K: 0.500}
COLD_SHARE = 0.2


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
    """A run without any earlier result."""
    shutil.rmtree(folder / "artifacts", ignore_errors=True)
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
    """The limits that are broken. Seconds are judged by the fastest turn, since other work on the machine only adds."""
    limits = [(name, min(seconds[name]), limit * SLACK) for name, limit in LIMITS.items()]
    limits.append((COLD, min(seconds[COLD]), COLD_SHARE * min(seconds[BASELINE])))
    return [f"{name}: {found:.3f} s, limit {limit:.3f} s" for name, found, limit in limits if found > limit]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="exit 1 where a limit is broken")
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
