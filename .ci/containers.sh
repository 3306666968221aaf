#!/usr/bin/env bash
# Builds every image and runs them together for real: the pipeline in its container, its run and model in MLflow, the
# same answers from the app and from the service, and nothing lost by a restart or by `down` and `up`.
#
# Needs a Docker engine and Compose, v2 or 1.29; where no image can be pulled, bases.sh makes them (as root, on Debian).
# Works on a copy of the tracked files in target/containers, as somebody who has just cloned. SEGPIPE_SHARED is
# where .ci/run has it; of Python, the packages of .ci/requirements.txt are expected in target/venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

shared=${SEGPIPE_SHARED:-$(dirname "$PWD")/shared}
python=$PWD/target/venv/bin/python
copy=$PWD/target/containers/copy
# As in containers.yml, so that both find the same layers: it saves minutes of compiling, and answers the same.
fast=(--build-arg CARGO_PROFILE_RELEASE_OPT_LEVEL=0)
# Whom the copy belongs to and who runs in the containers: never root.
if [ "$(id -u)" = 0 ]; then
    export SEGPIPE_USER=1000:1000
else
    SEGPIPE_USER=$(id -u):$(id -g)
    export SEGPIPE_USER
fi

say() {
    printf -- '--- %s (%d s)\n' "$1" "$SECONDS"
}

fail() {
    echo "containers: $1" >&2
    return 1
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

compose() {
    "${compose[@]}" --project-directory "$copy" --project-name segpipe-gate \
        --file "$copy/docker-compose.yml" --file "$copy/.ci/containers.yml" "$@"
}

tools() {
    docker info >/dev/null || fail "there is no Docker engine"
    if docker compose version >/dev/null 2>&1; then
        compose=(docker compose)
    elif command -v docker-compose >/dev/null; then
        compose=(docker-compose)
    else
        fail "there is no Compose, neither as \`docker compose\` nor as \`docker-compose\`"
    fi
}

# A new clone with the reference data: tracked files as they are now.
clone() {
    rm -rf "$copy"
    mkdir -p "$copy/data"
    git ls-files -z | xargs -0 cp --parents --target-directory "$copy"
    cp "$shared/data/online-retail/online_retail.csv.gz" "$copy/data"
    [ "$(id -u)" != 0 ] || chown -R "$SEGPIPE_USER" "$copy"
}

# The classic builder, which is what tells whether the file does without BuildKit's own words.
classic() {
    DOCKER_BUILDKIT=0 docker build --quiet "$@" "$copy" 2>"$copy/../build.log" || {
        tail -20 "$copy/../build.log" >&2
        return 1
    }
}

a_build_without_a_bundle_says_what_to_do() {
    if classic --tag segpipe-gate-ui >/dev/null 2>"$copy/../refused.log"; then
        fail "the app's image was built without a bundle"
    fi
    grep -q 'error: there is no bundle' "$copy/../refused.log" || fail "a build without a bundle does not say why it fails"
    grep -q 'hint: `segpipe run`' "$copy/../refused.log" || fail "a build without a bundle does not say what to do"
}

# What holds of every image: its user, its health check, its labels.
image() {
    local name=$1 most_megabytes=$2 user health title bytes
    user=$(docker image inspect --format '{{.Config.User}}' "$name")
    health=$(docker image inspect --format '{{if .Config.Healthcheck}}yes{{end}}' "$name")
    title=$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.title"}}' "$name")
    bytes=$(docker image inspect --format '{{.Size}}' "$name")
    [ "$user" = 10001:10001 ] || fail "$name runs as '$user'"
    [ "$health" = yes ] || fail "$name has no health check"
    [ -n "$title" ] || fail "$name has no title"
    printf '%-22s %5d MB\n' "$name" $((bytes / 1000000))
    [ $((bytes / 1000000)) -le "$most_megabytes" ] || fail "$name is larger than $most_megabytes MB"
}

# No compiler and none of its sources are in an image that runs.
no_toolchain() {
    docker run --rm --read-only --network none --entrypoint sh "$1" -c '
        for tool in cargo rustc rustup gcc cc ld; do
            ! command -v "$tool" || exit 1
        done
        test ! -e /src && test ! -e /usr/local/cargo' || fail "$1 has a compiler in it"
}

healthy() {
    local service container status
    for service in "$@"; do
        for _ in $(seq 180); do
            container=$(compose ps -q "$service")
            status=$(docker inspect --format '{{.State.Health.Status}}' "$container")
            [ "$status" != healthy ] || break
            sleep 1
        done
        [ "$status" = healthy ] || {
            compose logs --tail 30 "$service" >&2
            fail "$service is $status"
        }
    done
}

# Prints what MLflow and the service hold: the same text as long as nothing is lost.
state() {
    "$python" .ci/check_containers.py --artifacts "$copy/artifacts" \
        --mlflow "http://127.0.0.1:$SEGPIPE_MLFLOW_PORT" --api "http://127.0.0.1:$SEGPIPE_API_PORT"
}

app() {
    "$python" tests/app/browser.py --url "http://127.0.0.1:$SEGPIPE_UI_PORT" --project "$copy" \
        --transactions "$copy/data/online_retail.csv.gz"
}

same_as_before() {
    local now
    now=$(state)
    [ "$now" = "$before" ] || {
        diff <(echo "$before") <(echo "$now") >&2 || true
        fail "$1 lost something"
    }
}

# The oldest clients have BuildKit within, later ones as a plugin.
with_buildkit() {
    local client
    for client in $(which -a docker | sort -u); do
        if echo "FROM $(sed -n 's/^ARG DEBIAN_IMAGE=//p' Dockerfile)" |
            DOCKER_BUILDKIT=1 "$client" build --quiet - >/dev/null 2>&1; then
            buildkit=$client
            return
        fi
    done
    return 1
}

# BuildKit makes the app's image without as much as looking at the Rust image, and segpipe's from the dependencies that
# the classic builder has compiled already: that they compile has been seen. MLflow's has no other kind of line than the
# app's, and would be installed a second time.
everything_by_buildkit() {
    local build=(env DOCKER_BUILDKIT=1 "$buildkit" build --quiet)
    "${build[@]}" --build-arg RUST_IMAGE=there/is:none --tag segpipe-gate-buildkit-ui "$copy" >/dev/null
    "${build[@]}" --build-arg RUST_IMAGE=segpipe-gate-build "${fast[@]}" --target segpipe --tag segpipe-gate-buildkit "$copy" \
        >/dev/null
    image segpipe-gate-buildkit-ui 900
    docker run --rm --read-only --network none segpipe-gate-buildkit --version
}

clean_up() {
    [ "$?" = 0 ] || compose logs --tail 20 >&2 || true
    compose down --volumes --remove-orphans >/dev/null 2>&1 || true
}

tools
SEGPIPE_MLFLOW_PORT=$(free_port)
SEGPIPE_API_PORT=$(free_port)
SEGPIPE_UI_PORT=$(free_port)
SEGPIPE_SERVE_TOKEN=token-of-the-gate
export SEGPIPE_MLFLOW_PORT SEGPIPE_API_PORT SEGPIPE_UI_PORT SEGPIPE_SERVE_TOKEN

say "Bases"
.ci/bases.sh
clone
trap clean_up EXIT
compose down --volumes --remove-orphans >/dev/null 2>&1 || true

say "Images"
classic "${fast[@]}" --target build --tag segpipe-gate-build
classic "${fast[@]}" --target segpipe --tag segpipe-gate
classic "${fast[@]}" --target mlflow --tag segpipe-gate-mlflow
image segpipe-gate 250
image segpipe-gate-mlflow 1200
no_toolchain segpipe-gate
a_build_without_a_bundle_says_what_to_do

say "The pipeline, against MLflow"
compose run --rm pipeline run
cmp pipeline.lock "$copy/pipeline.lock" || fail "a container's results are not those of pipeline.lock"

say "The app's image"
classic "${fast[@]}" --tag segpipe-gate-ui
image segpipe-gate-ui 900
no_toolchain segpipe-gate-ui

say "Everything up"
compose up -d
healthy mlflow api ui
before=$(state)
echo "$before"
app

say "A restart of everything"
compose restart
healthy mlflow api ui
same_as_before "a restart"

say "Down, and up again"
compose down
compose up -d
healthy mlflow api ui
same_as_before "taking everything down"

say "BuildKit"
if with_buildkit; then
    everything_by_buildkit
else
    echo "BuildKit is not here; the classic builder has built everything"
fi
say "The containers hold"
