#!/usr/bin/env bash
# A long campaign of the oracle (tests/engine/oracle): random pipelines and edits, against what must be true.
# bench/oracle.sh [ROUNDS] [FIRST_SEED]; what goes wrong is printed with its seed and in the shortest form found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SEGPIPE_ORACLE_ROUNDS=${1:-2000} SEGPIPE_ORACLE_SEED=${2:-1000} cargo test --test engine oracle -- --nocapture
