"""SIGKILL at random moments, again and again: the next run needs no flag and ends as if nothing had happened.

Each round edits pipeline.yaml, now and then removes the store, starts `segpipe run` and kills it at a random moment,
sometimes twice. Then every file at an output's place must be a whole output of some undisturbed run; a plain
`segpipe run` must end well, with the bytes of an undisturbed run of the same pipeline and pipeline.lock too; and nothing
temporary may be left.

    bench/kills.py --kills 1000        the campaign
    bench/kills.py --seconds 60        what the gate does
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("SEGPIPE_BINARY", ROOT / "target/release/segpipe"))

PIPELINE = """\
name: kills
stages:
  load:
    params: {{source: shop.csv}}
  validate:
  preprocess:
    params: {{returns: {returns}}}
  rfm:
  train:
    params: {{k: {k}, study: [2, 6], n_init: 2, stability_refits: 1}}
  evaluate:
  visualize:
  track:
  deploy:
"""

VARIANTS = [{"k": k, "returns": returns} for k in (3, 4, 5) for returns in ("gross", "net")]

# Nobody listens there.
ENVIRONMENT = {**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}

Digests = dict[str, str]


def run(folder: Path, *arguments: str) -> str:
    """A run that must end well; its standard output."""
    done = subprocess.run(
        [BINARY, "run", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"`segpipe run` in {folder} gives {done.returncode}\n{done.stderr}")
    return done.stdout


def digests(said: str) -> Digests:
    """Digest of every output by its path, as `run --json` tells it."""
    events = [json.loads(line) for line in said.splitlines()]
    outputs = [output for event in events if event["event"] == "stage_finished" for output in event["outputs"].values()]
    return {output["path"]: output["digest"] for output in outputs}


def contents(folder: Path, paths: list[str]) -> dict[str, bytes]:
    """What is at the places of outputs: every file, those of directories one by one."""
    found = {}
    for path in paths:
        place = folder / path
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        found.update({str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()})
    return found


class Undisturbed:
    """What each variant gives in a folder where nothing is killed."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.digests: list[Digests] = []
        self.locks: list[bytes] = []
        self.whole: dict[str, set[bytes]] = {}
        for number, variant in enumerate(VARIANTS):
            project = folder / f"undisturbed-{number}"
            project.mkdir()
            shutil.copy(source, project / "shop.csv")
            write(project, variant)
            outputs = digests(run(project, "--json"))
            self.digests.append(outputs)
            self.locks.append((project / "pipeline.lock").read_bytes())
            for path, content in contents(project, list(outputs)).items():
                self.whole.setdefault(path, set()).add(content)
            shutil.rmtree(project)


def write(project: Path, variant: dict[str, object]) -> None:
    (project / "pipeline.yaml").write_text(PIPELINE.format(**variant))


def kill_at_random(project: Path, longest: float, chance: random.Random) -> bool:
    """Starts a run and kills it; returns whether it was still alive then."""
    command = [BINARY, "run", "--quiet"]
    child = subprocess.Popen(
        command, cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(chance.uniform(0, longest))
    child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def check_whole(project: Path, undisturbed: Undisturbed) -> None:
    """No half output, whatever else."""
    for path, content in contents(project, list(undisturbed.digests[0])).items():
        if content not in undisturbed.whole[path]:
            sys.exit(f"after a kill `{project / path}` is no output of any undisturbed run")


def check_recovery(project: Path, number: int, undisturbed: Undisturbed) -> None:
    """A plain run makes everything as if nothing had been killed."""
    found = digests(run(project, "--json"))
    if found != undisturbed.digests[number]:
        wrong = [path for path, digest in undisturbed.digests[number].items() if found.get(path) != digest]
        sys.exit(f"after a kill a run in {project} gives other outputs: {', '.join(wrong)}")
    check_whole(project, undisturbed)
    if (project / "pipeline.lock").read_bytes() != undisturbed.locks[number]:
        sys.exit(f"after a kill {project / 'pipeline.lock'} is another one")
    left = list((project / "artifacts/.segpipe/temporary").iterdir())
    if left:
        sys.exit(f"a run leaves {', '.join(map(str, left))}")


def campaign(folder: Path, kills: int, seconds: float, chance: random.Random) -> tuple[int, int]:
    """Rounds until there were so many kills or seconds; returns how many rounds and kills."""
    source = folder / "source.csv"
    subprocess.run([BINARY, "simulate", "--customers", "700", "--seed", "1", "--out", source], check=True)
    undisturbed = Undisturbed(source, folder)
    project = folder / "project"
    project.mkdir()
    shutil.copy(source, project / "shop.csv")
    write(project, VARIANTS[0])
    began = time.monotonic()
    run(project)
    longest = 1.1 * (time.monotonic() - began)
    rounds = killed = 0
    while killed < kills and time.monotonic() - began < seconds:
        number = chance.randrange(len(VARIANTS))
        write(project, VARIANTS[number])
        if chance.random() < 0.5:
            shutil.rmtree(project / "artifacts/.segpipe")
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            killed += kill_at_random(project, longest, chance)
            check_whole(project, undisturbed)
        check_recovery(project, number, undisturbed)
        rounds += 1
    return rounds, killed


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--kills", type=int, default=1000, help="end after so many (1000)")
    arguments.add_argument("--seconds", type=float, default=float("inf"), help="end after so long")
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = arguments.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rounds, killed = campaign(Path(folder), given.kills, given.seconds, random.Random(given.seed))
    print(f"{killed} runs killed in {rounds} rounds; after each, a plain run made everything as if undisturbed")
    if killed == 0:
        sys.exit("nothing was killed")


if __name__ == "__main__":
    main()
