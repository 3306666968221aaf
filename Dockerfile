# The images of segpipe, in one file: `segpipe` (the pipeline and the scoring service), `mlflow` (a tracking server) and,
# last and so by default, `ui` (the app over the bundle that `segpipe run` has made):
#
#     docker build -t customer-segmentation-ui .
#     docker build --target segpipe -t segpipe .
#
# BuildKit, which builds by default since Docker 23, makes only what a target needs; the classic builder makes everything
# that stands above it too. All three run as nobody in particular, and on a read-only root with a /tmp.

ARG DEBIAN_IMAGE=debian:12.15-slim
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm


# The dependencies, in a layer that only the manifests can make stale: they are built for empty sources.
FROM ${RUST_IMAGE} AS build
WORKDIR /src
# 0 compiles faster and runs many times slower: for a check of this file, not for use.
ARG CARGO_PROFILE_RELEASE_OPT_LEVEL=3
COPY Cargo.toml Cargo.lock ./
COPY stages/Cargo.toml stages/
# Tests and benchmarks that a manifest names would have to be there. Nothing of the two packages themselves may stay:
# cargo goes by time of change, and the real sources can be older than these.
RUN mkdir -p src \
    && : | tee src/lib.rs stages/lib.rs \
    && echo 'fn main() {}' | tee src/main.rs stages/build.rs >/dev/null \
    && sed -i '/^\[\[\(test\|bench\)\]\]$/,/^$/d' Cargo.toml stages/Cargo.toml \
    && cargo build --locked --release --bin segpipe \
    && cargo clean --release -p segpipe -p segpipe-stages
COPY Cargo.toml ./
COPY src src/
COPY stages stages/
COPY tests tests/
RUN cargo build --locked --release --bin segpipe


FROM ${DEBIAN_IMAGE} AS segpipe
LABEL org.opencontainers.image.title="segpipe" \
      org.opencontainers.image.description="Customer segmentation: the pipeline, and the service that scores customers" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# For sources that are fetched over HTTPS.
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/release/segpipe /usr/local/bin/
# The folder with the pipeline.yaml is to be mounted here.
WORKDIR /project
ENV HOME=/tmp
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["segpipe", "serve", "--check"]
ENTRYPOINT ["segpipe"]
CMD ["serve", "--bind", "0.0.0.0:8080"]


FROM ${DEBIAN_IMAGE} AS python
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*
ENV HOME=/tmp PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1


FROM python AS packages
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/venv


# The versions that the gate tests segpipe with.
FROM packages AS mlflow-packages
COPY .ci/requirements.txt /tmp/
RUN pip install --no-cache-dir --disable-pip-version-check --quiet -c /tmp/requirements.txt mlflow


FROM python AS mlflow
LABEL org.opencontainers.image.title="segpipe-mlflow" \
      org.opencontainers.image.description="MLflow's tracking server, model registry and UI, for one machine" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=mlflow-packages /opt/venv /opt/venv
# What volumes that are mounted here begin with: folders that belong to the user.
RUN install -d -o 10001 -g 10001 /var/lib/mlflow/database /var/lib/mlflow/artifacts
WORKDIR /var/lib/mlflow
# One process instead of sixteen: runners of jobs are for evaluations that segpipe does not ask for.
ENV MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
USER 10001:10001
VOLUME ["/var/lib/mlflow/database", "/var/lib/mlflow/artifacts"]
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
    CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5000/health', timeout=4)"]
ENTRYPOINT ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1", \
    "--backend-store-uri", "sqlite:////var/lib/mlflow/database/mlflow.db", \
    "--artifacts-destination", "/var/lib/mlflow/artifacts"]
# Names under which the server is asked for; a browser that was lured here under another is refused.
CMD ["--allowed-hosts", "mlflow:*,localhost:*,127.0.0.1:*"]


# What may not be there yet is copied by a pattern, which may match nothing, beside a file that is.
FROM ${DEBIAN_IMAGE} AS bundle
COPY pipeline.yaml artifact[s] /srv/artifacts/
RUN if ! [ -e /srv/artifacts/deploy/bundle/app/app.py ]; then \
        echo 'error: there is no bundle with an app in artifacts/deploy/bundle' >&2; \
        echo 'hint: `segpipe run` makes it (without Rust: `docker compose run --rm pipeline`); then build this again' >&2; \
        exit 1; \
    fi \
    && chmod -R a+rX /srv/artifacts


# In a layer that stays as long as the app needs the same packages, whatever the segments are.
FROM packages AS ui-packages
COPY --from=bundle /srv/artifacts/deploy/bundle/requirements.txt /tmp/
RUN pip install --no-cache-dir --disable-pip-version-check --quiet -r /tmp/requirements.txt


FROM python AS ui
LABEL org.opencontainers.image.title="customer-segmentation-ui" \
      org.opencontainers.image.description="Which segment is this customer in? The app over a bundle made by segpipe" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=ui-packages /opt/venv /opt/venv
COPY --from=bundle /srv/artifacts/deploy/bundle /srv/bundle
WORKDIR /srv/bundle
ENV STREAMLIT_BROWSER_GATHER_USAGE_STATS=false STREAMLIT_SERVER_FILE_WATCHER_TYPE=none
USER 10001:10001
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "app/app.py", "--server.headless", "true", "--server.address", "0.0.0.0", "--server.port", "8501"]
