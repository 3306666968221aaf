"""The run on the MLflow server that made this model.

For: finding it by the model's identity, which segpipe writes to the version that it registers. A bundle knows no
server, so where to look is said by the environment: `MLFLOW_TRACKING_URI` as this program reaches the server,
`SEGPIPE_MLFLOW_UI` as a browser does (by default the same). Called by: the page Model. Knows no Streamlit.
"""

import base64
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

IDENTITY = "segpipe.model_identity"
SECONDS = 3.0


class TrackingError(Exception):
    """No run can be named; its text is a sentence."""


@dataclass(frozen=True)
class Tracked:
    """Where the model's run and its version in the registry are shown."""

    run: str
    run_url: str
    version: str
    version_url: str


def find(identity: str) -> Tracked:
    """The run and the version with this model; raises `TrackingError` where there is none."""
    server = os.environ.get("MLFLOW_TRACKING_URI", "").strip().rstrip("/")
    if not server:
        raise TrackingError("Set `MLFLOW_TRACKING_URI` to the address of an MLflow server to see this model's run.")
    if not server.startswith(("http://", "https://")):
        raise TrackingError("`MLFLOW_TRACKING_URI` names no server: an address begins with `http://` or `https://`.")
    shown = _without_user(os.environ.get("SEGPIPE_MLFLOW_UI", "").strip().rstrip("/") or server)
    try:
        return _found(server, shown, identity)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise TrackingError(f"What answers at {_without_user(server)} is no MLflow server.") from None


def _found(server: str, shown: str, identity: str) -> Tracked:
    query = urllib.parse.urlencode({"filter": f"tags.`{IDENTITY}` = '{identity}'", "max_results": 1})
    versions = _get(server, f"model-versions/search?{query}").get("model_versions")
    if not versions:
        raise TrackingError(f"{shown} has no version of this model yet. `segpipe push` delivers runs that wait.")
    version = versions[0]
    run = _get(server, f"runs/get?{urllib.parse.urlencode({'run_id': version['run_id']})}")["run"]["info"]
    name = urllib.parse.quote(version["name"], safe="")
    return Tracked(
        run=run.get("run_name") or run["run_id"],
        run_url=f"{shown}/#/experiments/{run['experiment_id']}/runs/{run['run_id']}",
        version=f"{version['name']}, version {version['version']}",
        version_url=f"{shown}/#/models/{name}/versions/{version['version']}",
    )


def _get(server: str, path: str) -> dict[str, Any]:
    authorization = _authorization()
    headers = {"Authorization": authorization} if authorization else {}
    try:
        request = urllib.request.Request(f"{_without_user(server)}/api/2.0/mlflow/{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise TrackingError(f"{_without_user(server)} refused to say (status {error.code}).") from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise TrackingError(f"{_without_user(server)} does not answer: {reason}.") from None


def _authorization() -> str | None:
    """As MLflow's own clients do."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return f"Bearer {token}"
    if user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        password = os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return None


def _without_user(address: str) -> str:
    """An address without user and password, so that they are never shown."""
    parts = urllib.parse.urlsplit(address)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
