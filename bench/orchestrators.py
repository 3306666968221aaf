"""The same pipelines in segpipe, DVC, Snakemake, doit, make and ninja: how long they take, and what goes wrong.

Two pipelines of small shell commands, so that what is measured is the orchestrator: 9 stages in a row, and 1,000 as a
binary tree. The first stage reads `source.txt` without its spaces; every other one appends its number to what it read.
Four times are taken: the first run, one with nothing to do, one after a changed source, and one after a change that the
first stage's output does not show (early cutoff). Then every tool meets the same misfortunes on the small pipeline.

    pip install dvc snakemake doit ninja   # and make
    bench/orchestrators.py                 # both tables, as Markdown
    bench/orchestrators.py --stages 9 --tools segpipe,make
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("SEGPIPE_BINARY", ROOT / "target/release/segpipe"))
PATIENCE = 1800

# How many stages ran is how many of these files were written: every command appends a byte to `ran/NUMBER`.
RAN = "ran"

SMALL = 9


def reads(number: int, stages: int) -> int:
    """The stage that a stage reads from: the one before it in a row, its parent in a tree."""
    return number - 1 if stages <= SMALL else (number - 1) // 2


def command(number: int, source: str, out: str) -> str:
    """What a stage does: it reads, sleeps where a file `slow` with its number is, and writes."""
    pause = f"{{ [ ! -f slow{number} ] || sleep 1; }}"
    begin = f"printf x >> {RAN}/{number}"
    if number == 0:
        return f"{begin} && text=$(tr -d ' ' < {source}) && {pause} && echo $text > {out}"
    return f"{begin} && cat {source} > {out} && {pause} && echo {number} >> {out}"


class Tool(ABC):
    """One orchestrator in one folder."""

    name: str

    def __init__(self, folder: Path, stages: int) -> None:
        self.folder, self.stages = folder, stages
        (folder / RAN).mkdir(parents=True)
        (folder / "source.txt").write_text("a b c\n")
        self.write()

    @abstractmethod
    def write(self) -> None:
        """Describes the pipeline as the tool wants it."""

    @abstractmethod
    def words(self) -> list[str | Path]:
        """The command that brings it up to date."""

    def out(self, number: int) -> Path:
        """Where a stage's output is."""
        return self.folder / f"s{number}.txt"

    def source_of(self, number: int) -> str:
        return "source.txt" if number == 0 else f"s{reads(number, self.stages)}.txt"

    def commands(self) -> list[tuple[str, str, str]]:
        """Source, output and command of every stage."""
        triples = [(self.source_of(number), f"s{number}.txt") for number in range(self.stages)]
        return [(source, out, command(n, source, out)) for n, (source, out) in enumerate(triples)]

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.words(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
            start_new_session=True,
        )

    def run(self, must_work: bool = True) -> float:
        """Wall seconds of bringing it up to date."""
        begin = time.perf_counter()
        child = self.start()
        try:
            said = child.communicate(timeout=PATIENCE)[0]
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise
        if must_work and child.returncode != 0:
            sys.exit(f"{self.name} gives {child.returncode}\n{said[-3000:]}")
        return time.perf_counter() - begin

    def counts(self) -> dict[int, int]:
        """How often each stage has run."""
        return {int(path.name): path.stat().st_size for path in (self.folder / RAN).iterdir()}

    def is_right(self) -> bool:
        """Whether the last output is what a run from nothing would give."""
        wanted = (self.folder / "source.txt").read_text().replace(" ", "")
        numbers, number = [], self.stages - 1
        while number > 0:
            numbers.append(number)
            number = reads(number, self.stages)
        wanted += "".join(f"{number}\n" for number in reversed(numbers))
        last = self.out(self.stages - 1)
        return last.is_file() and last.read_text() == wanted


def environment() -> dict[str, str]:
    """With the tools that were installed beside this Python."""
    beside = str(Path(sys.executable).parent)
    quiet = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "DVC_NO_ANALYTICS": "1"}
    return {**os.environ, **quiet, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}


class Segpipe(Tool):
    name = "segpipe"

    def write(self) -> None:
        text = "name: tree\nstages:\n"
        for number in range(self.stages):
            handed = f"inputs: [s{reads(number, self.stages)}.o]" if number else "deps: [source.txt]"
            work = command(number, "$SEGPIPE_INPUT_O" if number else "source.txt", "$SEGPIPE_OUTPUT_O")
            text += f"  s{number}:\n    run: {json.dumps(work)}\n    {handed}\n    outputs: {{o: s{number}.txt}}\n"
        (self.folder / "pipeline.yaml").write_text(text)

    def words(self) -> list[str | Path]:
        return [BINARY, "run", "--quiet"]


class Dvc(Tool):
    name = "DVC"

    def write(self) -> None:
        text = "stages:\n"
        for number, (source, out, work) in enumerate(self.commands()):
            text += f"  s{number}:\n    cmd: {json.dumps(work)}\n    deps: [{source}]\n    outs: [{out}]\n"
        (self.folder / "dvc.yaml").write_text(text)
        subprocess.run(["dvc", "init", "--no-scm", "-q"], cwd=self.folder, env=environment(), check=True)

    def words(self) -> list[str | Path]:
        return ["dvc", "repro", "-q"]


class Snakemake(Tool):
    name = "Snakemake"

    def write(self) -> None:
        text = f"rule all:\n    input: 's{self.stages - 1}.txt', expand('s{{n}}.txt', n=range({self.stages}))\n"
        for number, (source, out, work) in enumerate(self.commands()):
            shell = work.replace("{", "{{").replace("}", "}}")
            text += f"rule s{number}:\n    input: '{source}'\n    output: '{out}'\n    shell: {json.dumps(shell)}\n"
        (self.folder / "Snakefile").write_text(text)

    def words(self) -> list[str | Path]:
        return ["snakemake", "--cores", "2", "--quiet", "all"]


class Doit(Tool):
    name = "doit"

    def write(self) -> None:
        tasks = [
            {"name": str(number), "actions": [work], "file_dep": [source], "targets": [out]}
            for number, (source, out, work) in enumerate(self.commands())
        ]
        (self.folder / "dodo.py").write_text(f"TASKS = {tasks!r}\n\n\ndef task_s():\n    yield from TASKS\n")

    def words(self) -> list[str | Path]:
        return ["doit", "-v", "0", "-n", "2", "-P", "thread"]


class Make(Tool):
    name = "make"

    def write(self) -> None:
        outs = " ".join(f"s{number}.txt" for number in range(self.stages))
        text = f".DELETE_ON_ERROR:\nall: {outs}\n"
        for source, out, work in self.commands():
            text += f"{out}: {source}\n\t@{work.replace('$', '$$')}\n"
        (self.folder / "Makefile").write_text(text)

    def words(self) -> list[str | Path]:
        return ["make", "-s", "-j2"]


class Ninja(Tool):
    name = "ninja"

    def write(self) -> None:
        text = "rule sh\n  command = $work\n  restat = 1\n"
        for source, out, work in self.commands():
            text += f"build {out}: sh {source}\n  work = {work.replace('$', '$$')}\n"
        (self.folder / "build.ninja").write_text(text)

    def words(self) -> list[str | Path]:
        return ["ninja", "--quiet", "-j2"]


TOOLS: list[type[Tool]] = [Segpipe, Dvc, Snakemake, Doit, Make, Ninja]


def times(kind: type[Tool], folder: Path, stages: int) -> list[str]:
    """Seconds, and how many stages ran: first run, nothing to do, another source, a change that does not show.

    Ends with the first that takes too long.
    """
    tool = kind(folder, stages)
    measured = []
    for text in ("a b c\n", "a b c\n", "d e f\n", "de f\n"):
        if (folder / "source.txt").read_text() != text:
            time.sleep(1.1)  # Whoever trusts whole seconds of time stamps shall not be surprised here.
            (folder / "source.txt").write_text(text)
        before = sum(tool.counts().values())
        try:
            took = f"{tool.run():.3f} s"
        except subprocess.TimeoutExpired:
            return [*measured, f"more than {PATIENCE} s ({sum(tool.counts().values()) - before} ran)"]
        if not tool.is_right():
            sys.exit(f"{tool.name} ends with a wrong output")
        measured.append(f"{took} ({sum(tool.counts().values()) - before} ran)")
    return measured


def edited_while_running(tool: Tool) -> str:
    """The source changes after the first stage has read it and before that stage writes."""
    tool.run()
    time.sleep(1.1)
    (tool.folder / "source.txt").write_text("first\n")
    (tool.folder / "slow0").touch()
    before = tool.counts()[0]
    child = tool.start()
    while tool.counts()[0] == before and child.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    (tool.folder / "source.txt").write_text("second\n")
    child.communicate(timeout=PATIENCE)
    (tool.folder / "slow0").unlink()
    return "right" if tool.is_right() else right_after_another(tool)


def right_after_another(tool: Tool) -> str:
    tool.run(must_work=False)
    return "right with the next run" if tool.is_right() else "**stays wrong**"


def edited_output(tool: Tool) -> str:
    """An output is edited by hand: same size, same time stamp."""
    tool.run()
    last = tool.out(tool.stages - 1)
    status, text = last.stat(), last.read_text()
    last.chmod(0o644)
    last.write_text(text.replace("a", "z", 1))
    os.utime(last, ns=(status.st_atime_ns, status.st_mtime_ns))
    return right_after_another(tool)


def flipped_byte(tool: Tool) -> str:
    """A byte of the cached result flips, and the output is gone: it must not come back damaged."""
    tool.run()
    caches = {"segpipe": "artifacts/.segpipe/objects", "DVC": ".dvc/cache/files"}
    if tool.name not in caches:
        return "has no cache"
    last = tool.out(tool.stages - 1)
    text = last.read_bytes()
    for path in (tool.folder / caches[tool.name]).rglob("*"):
        if path.is_file() and path.read_bytes() == text:
            path.chmod(0o644)
            path.write_bytes(text.replace(b"a", b"z", 1))
    last.unlink()
    return right_after_another(tool)


def killed(tool: Tool) -> str:
    """SIGKILL while a stage has written half of its output."""
    middle = tool.stages // 2
    (tool.folder / f"slow{middle}").touch()
    child = tool.start()
    deadline = time.monotonic() + 60
    while not (tool.folder / RAN / str(middle)).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate(timeout=PATIENCE)
    (tool.folder / f"slow{middle}").unlink()
    begun = tool.start()
    said = begun.communicate(timeout=PATIENCE)[0]
    if begun.returncode == 0 and tool.is_right():
        return "right with the next run"
    reason = next((line.strip() for line in said.splitlines() if "lock" in line.lower()), "")
    return f"next run refuses{': locked' if reason else ''}" if begun.returncode else "**stays wrong**"


def two_at_once(tool: Tool) -> str:
    """Two runs of one pipeline at the same time."""
    (tool.folder / "slow1").touch()
    first, second = tool.start(), tool.start()
    for child in (first, second):
        child.communicate(timeout=PATIENCE)
    codes = [first.returncode, second.returncode]
    (tool.folder / "slow1").unlink()
    twice = sum(count > 1 for count in tool.counts().values())
    if 0 not in codes:
        return "**both fail**"
    if not tool.is_right():
        return "**end with a wrong output**"
    if codes.count(0) == 2:
        return "the second waits" if twice == 0 else f"**{twice} stages run twice at once**"
    return "the second is refused"


MISFORTUNES: list[tuple[str, Callable[[Tool], str]]] = [
    ("source edited while its stage runs", edited_while_running),
    ("output edited, same size and time", edited_output),
    ("byte flipped in the cache", flipped_byte),
    ("kill -9 inside a stage", killed),
    ("two runs at once", two_at_once),
]


def chosen(names: str) -> list[type[Tool]]:
    wanted = [name.lower() for name in names.split(",")] if names else [tool.name.lower() for tool in TOOLS]
    return [tool for tool in TOOLS if tool.name.lower() in wanted]


def table_of_times(tools: list[type[Tool]], folder: Path, stages: int) -> None:
    print(f"\n| {stages:,} stages | first run | nothing to do | another source | a change that does not show |")
    print("|---|---|---|---|---|")
    for kind in tools:
        cells = times(kind, folder / f"{kind.name}-{stages}", stages)
        print(f"| {kind.name} | {' | '.join(cells)} |", flush=True)


def table_of_misfortunes(tools: list[type[Tool]], folder: Path) -> None:
    print(f"\n| | {' | '.join(tool.name for tool in tools)} |")
    print(f"|---|{'---|' * len(tools)}")
    for number, (what, happens) in enumerate(MISFORTUNES):
        cells = [happens(kind(folder / f"{kind.name}-misfortune-{number}", SMALL)) for kind in tools]
        print(f"| {what} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--tools", default="", help="some of them, between commas")
    arguments.add_argument("--stages", type=int, action="append", help="9 and 1000 where it is not given")
    arguments.add_argument("--no-misfortunes", action="store_true")
    given = arguments.parse_args()
    tools = chosen(given.tools)
    with tempfile.TemporaryDirectory() as temporary:
        for stages in given.stages or [SMALL, 1000]:
            table_of_times(tools, Path(temporary), stages)
        if not given.no_misfortunes:
            table_of_misfortunes(tools, Path(temporary))


if __name__ == "__main__":
    main()
