"""Good and hostile requests at once for a while: the service must not grow, and fail only where the sender is at fault.

    python bench/serve_soak.py [seconds] [connections]      by default 600 seconds and 16 connections

Needs the release binary (SEGPIPE_BINARY names another) and nothing but Python's own library. Exit code 1 where an answer
is not what it should be, or where memory grew by more than GROWTH.
"""

import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = os.environ.get("SEGPIPE_BINARY", str(ROOT / "target/release/segpipe"))
GROWTH = 32 << 20
JSON = {"content-type": "application/json"}
CSV = {"content-type": "text/csv"}


def good(rng):
    """A request that must be answered, and how it is checked."""
    rows = [
        [rng.randrange(374), rng.randrange(1, 60), round(rng.uniform(1, 9000), 2)]
        for _ in range(rng.choice([1, 1, 1, 10, 1000]))
    ]
    columns = ["recency", "frequency", "monetary"]
    body = rng.choice(
        [
            {"dataframe_split": {"columns": columns, "data": rows}},
            {"dataframe_records": [dict(zip(columns, row, strict=True)) for row in rows]},
            {"instances": rows},
            {"inputs": {name: [row[i] for row in rows] for i, name in enumerate(columns)}},
        ]
    )
    return "POST", "/invocations", JSON, json.dumps(body).encode(), len(rows)


def hostile(rng):
    """A request that must be refused with a reason."""
    return rng.choice(
        [
            ("POST", "/invocations", JSON, b"{", None),
            ("POST", "/invocations", JSON, b"", None),
            ("POST", "/invocations", JSON, b'{"instances":[[1,NaN,3]]}', None),
            ("POST", "/invocations", JSON, b'{"instances":[[1,"2",3]]}', None),
            ("POST", "/invocations", JSON, b"[" * 100_000, None),
            ("POST", "/invocations", JSON, rng.randbytes(rng.randrange(1, 3000)), None),
            ("POST", "/invocations", JSON, b" " * (9 << 20), None),
            ("POST", "/invocations", CSV, b"recency,frequency,monetary\n1,2\n", None),
            ("POST", "/invocations", {"content-type": "text/plain"}, b"1", None),
            ("POST", "/v1/transactions", CSV, rng.randbytes(rng.randrange(1, 3000)), None),
            ("POST", "/v1/transactions", CSV, b"\x1f\x8b" + rng.randbytes(100), None),
            ("POST", "/v1/transactions", CSV, b"PAR1" + rng.randbytes(200) + b"PAR1", None),
            ("GET", "/v1/customers/../../etc/passwd", {}, None, None),
            ("GET", "/" + "a" * rng.randrange(1, 2000), {}, None, None),
            ("DELETE", "/invocations", {}, None, None),
        ]
    )


class Sender(threading.Thread):
    """One connection's worth of requests, again and again."""

    def __init__(self, seed, port, ends, transactions):
        super().__init__()
        self.rng, self.port, self.ends, self.transactions = random.Random(seed), port, ends, transactions
        self.counts, self.wrong = Counter(), []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while time.monotonic() < self.ends and not self.wrong:
            draw = self.rng.random()
            try:
                if draw < 0.01:
                    self.break_off()
                elif draw < 0.02:
                    self.ask(connection, ("POST", "/v1/transactions", CSV, self.transactions, None), 200)
                elif draw < 0.7:
                    self.ask(connection, good(self.rng), 200)
                else:
                    self.ask(connection, hostile(self.rng), 400)
            except (OSError, http.client.HTTPException):
                # A refused body is not read to its end, so the connection may break while it is sent.
                self.counts["broken"] += 1
                connection.close()

    def ask(self, connection, request, kind):
        method, path, headers, body, rows = request
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        self.counts[answer.status] += 1
        if answer.status == 503:
            return
        is_right = answer.status // 100 == kind // 100
        if is_right and rows is not None:
            is_right = len(json.loads(text)["predictions"]) == rows
        if is_right and kind == 400 and answer.status != 431:
            is_right = bool(json.loads(text)["error"]["message"])
        if not is_right:
            self.wrong.append((method, path, (body or b"")[:80], answer.status, text[:300]))

    def break_off(self):
        """Half a request, and gone."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as stream:
            stream.sendall(b"POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n")
            stream.sendall(b"content-length: 500\r\n\r\n{" if self.rng.random() < 0.5 else b"")
        self.counts["broken off"] += 1


def memory(pid):
    """Resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def prepare(folder):
    """A small project with a bundle; its transactions."""
    (folder / "pipeline.yaml").write_text((ROOT / "pipeline.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    simulate = [BINARY, "simulate", "--customers", "300", "--seed", "1", "--out", "transactions.csv"]
    subprocess.run(simulate, cwd=folder, check=True, capture_output=True)
    run = [BINARY, "run", "--quiet", "--set", "load.source=transactions.csv"]
    subprocess.run(run, cwd=folder, check=True, capture_output=True)
    lines = (folder / "transactions.csv").read_bytes().splitlines(keepends=True)
    return b"".join(lines[:3000])


def soak(folder, seconds, connections):
    """Runs it all; what is wrong."""
    transactions = prepare(folder)
    serve = [BINARY, "serve", "--bind", "127.0.0.1:0"]
    with (folder / "log").open("wb") as log, subprocess.Popen(serve, cwd=folder, stderr=log) as server:
        try:
            wrong = watch(server.pid, port(folder / "log"), seconds, connections, transactions)
        finally:
            server.terminate()
            server.wait(60)
    if server.returncode:
        wrong.append(f"the service ended with {server.returncode}")
    return wrong


def port(log):
    """The port that the service says in its journal."""
    for _ in range(300):
        found = re.search(r'"event":"listening","address":"127.0.0.1:(\d+)"', log.read_text(encoding="utf-8"))
        if found:
            return int(found[1])
        time.sleep(0.1)
    raise SystemExit(f"the service does not begin:\n{log.read_text(encoding='utf-8')}")


def watch(pid, port, seconds, connections, transactions):
    """Sends for so long, and looks at the service's memory after the first tenth and at the end."""
    began = time.monotonic()
    senders = [Sender(seed, port, began + seconds, transactions) for seed in range(connections)]
    for sender in senders:
        sender.start()
    time.sleep(max(seconds / 3, 5))
    warm = memory(pid)
    for sender in senders:
        sender.join()
    end = memory(pid)
    counts = sum((sender.counts for sender in senders), Counter())
    total = sum(count for status, count in counts.items() if isinstance(status, int))
    print(f"{total} answers in {time.monotonic() - began:.0f} s: {dict(sorted(counts.items(), key=str))}")
    print(f"memory {warm >> 20} MB after a third, {end >> 20} MB at the end")
    wrong = [f"wrong answer: {wrong}" for sender in senders for wrong in sender.wrong]
    if counts[200] == 0 or counts[400] == 0:
        wrong.append(f"too little was asked: {counts}")
    if end > warm + GROWTH:
        wrong.append(f"memory grew by {(end - warm) >> 20} MB")
    return wrong


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 16
    with tempfile.TemporaryDirectory() as folder:
        wrong = soak(Path(folder), seconds, connections)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
