#!/usr/bin/env bash
# Load to rfm on simulated transactions in Parquet: seconds and peak memory. ROWS (50000000) may be made smaller;
# MAX_MB (1500) is the peak that must not be passed. Needs the release binary and Debian's `time`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=${SEGPIPE_BINARY:-$root/target/release/segpipe}
rows=${ROWS:-50000000}
max_mb=${MAX_MB:-1500}
# The simulated retailer's customers have about this many lines each, guests included.
customers=$((rows / 125 + 1))

mkdir -p "$root/target"
folder=$(mktemp -d "$root/target/fifty_million.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cp "$root/pipeline.yaml" "$folder"
cd "$folder"

# Runs a command under /usr/bin/time and leaves its seconds and its peak in megabytes in `seconds` and `peak`.
measure() {
    /usr/bin/time -o measured -f '%e %M' "$@"
    read -r seconds peak <measured
    peak=$((peak / 1024))
}

measure "$binary" simulate --customers "$customers" --seed 1 --out transactions.parquet
printf '| what | rows | seconds | peak memory |\n|---|---|---|---|\n'
printf '| `segpipe simulate` (%s customers) | | %s | %s MB |\n' "$customers" "$seconds" "$peak"

measure "$binary" run --to rfm --json --set load.source=transactions.parquet >events.jsonl
loaded=$(sed -n 's/.*"stage":"load".*"transactions":{[^}]*"rows":\([0-9]*\).*/\1/p' events.jsonl)
printf '| `segpipe run --to rfm` | %s | %s | %s MB |\n' "$loaded" "$seconds" "$peak"

[ "${loaded:-0}" -ge $((rows / 2)) ] || {
    echo "only ${loaded:-no} rows were loaded of $rows asked for" >&2
    exit 1
}
[ "$peak" -le "$max_mb" ] || {
    echo "the peak of $peak MB is above $max_mb MB" >&2
    exit 1
}
