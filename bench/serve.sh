#!/usr/bin/env bash
# Requests a second and latencies of `segpipe serve` beside `mlflow models serve`, with the same model on this machine.
# SECONDS_EACH (10) is how long each case is measured, three times that at 256 connections, where a slow server answers
# few; in all about five minutes. MLFLOW=no leaves MLflow out. Needs the release binary, Debian's `wrk`, and for MLflow
# the packages of .ci/requirements.txt in target/venv.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=${SEGPIPE_BINARY:-$root/target/release/segpipe}
python=${PYTHON:-$root/target/venv/bin/python}
each=${SECONDS_EACH:-10}

mkdir -p "$root/target"
folder=$(mktemp -d "$root/target/serve.XXXXXX")
servers=()
finish() {
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap finish EXIT
cp "$root/pipeline.yaml" "$folder"
cd "$folder"
"$binary" simulate --customers 600 --seed 1 --out transactions.csv >/dev/null
"$binary" run --quiet --set load.source=transactions.csv >/dev/null

# Waits until the server that was started last answers at a port.
await() {
    for _ in $(seq 600); do
        kill -0 "${servers[-1]}" 2>/dev/null || break
        "$binary" serve --check "127.0.0.1:$1" 2>/dev/null && return
        sleep 0.2
    done
    echo "nothing answers at port $1" >&2
    exit 1
}

# The port that `segpipe serve` says in its journal.
port() {
    for _ in $(seq 100); do
        sed -n 's/.*"event":"listening","address":"127.0.0.1:\([0-9]*\)".*/\1/p' serve.log | grep . && return
        sleep 0.1
    done
    cat serve.log >&2
    exit 1
}

# Measures the server at a port: name, port. What takes longer than `--timeout` is counted as broken.
measure() {
    for rows in 1 1000; do
        for connections in 1 16 256; do
            threads=$((connections < 2 ? 1 : 2))
            seconds=$((connections < 256 ? each : 3 * each))
            ROWS=$rows SERVER=$1 CONNECTIONS=$connections wrk --latency --threads "$threads" \
                --connections "$connections" --duration "${seconds}s" --timeout 60s \
                --script "$root/bench/serve.lua" "http://127.0.0.1:$2" | grep '^|' ||
                echo "| $1 | $rows | $connections | none | | | | | |"
        done
    done
}

printf '| server | rows | connections | answers | requests/s | p50 ms | p99 ms | refused | broken |\n'
printf '|---|---|---|---|---|---|---|---|---|\n'
"$binary" serve --bind 127.0.0.1:0 2>serve.log &
servers+=($!)
measure segpipe "$(port)"

[ "${MLFLOW:-yes}" = yes ] || exit 0
"$python" - <<'PYTHON'
import mlflow.onnx
import onnx
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

columns = Schema([ColSpec("double", name) for name in ("recency", "frequency", "monetary")])
model = onnx.load("artifacts/deploy/bundle/model.onnx")
mlflow.onnx.save_model(model, "model", signature=ModelSignature(inputs=columns))
PYTHON
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# In a session of its own, because it ends its whole process group when it ends.
PATH=$(dirname "$python"):$PATH setsid "$python" -m mlflow models serve -m model --env-manager local --port "$port" \
    >mlflow.log 2>&1 &
servers+=($!)
await "$port"
measure mlflow "$port"
