"""Raw transactions, scored by the service that `SEGPIPE_API` names.

For: one request and its answer, so that reading and counting transactions has one implementation, segpipe's.
Not for: tables of recency, frequency and monetary (`reading.py`). Called by: the page Batch. Knows no Streamlit.
"""

import contextlib
import csv
import io
import json
import os
import urllib.parse
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import pyarrow as pa
import pyarrow.parquet as pq

from reading import ReadingError, header_of

# What a transaction may have, as the service calls it.
COLUMNS = ("customer", "date", "invoice", "quantity", "unit_price", "amount")
DATE_FORMATS = ("iso", "day_first", "month_first")
SECONDS = 120.0


class ServiceError(Exception):
    """No answer that can be used; its text is a sentence."""


@dataclass(frozen=True)
class Answer:
    """Scored customers: the CSV as it came, its header and its rows."""

    content: bytes
    header: list[str]
    rows: list[list[str]]


def address() -> str | None:
    """Where the service is, where somebody said so."""
    return os.environ.get("SEGPIPE_API", "").strip().rstrip("/") or None


def columns(content: bytes) -> list[str]:
    """Names of the columns of a file of transactions, to choose from."""
    if not content.startswith(b"PAR1"):
        return header_of(content)
    try:
        return pq.read_schema(pa.BufferReader(content)).names
    except (pa.ArrowException, OSError, ValueError):
        raise ReadingError("The Parquet file is damaged and cannot be read.") from None


def score(service: str, content: bytes, choices: dict[str, str]) -> Answer:
    """One scored row per customer; raises `ServiceError` where there is no answer."""
    query = urllib.parse.urlencode({name: value for name, value in choices.items() if value})
    try:
        status, answer = _post(f"{service}/v1/transactions{'?' if query else ''}{query}", content)
    except (OSError, ValueError, HTTPException) as error:
        raise ServiceError(f"The service at {service} does not answer: {error}.") from None
    if status != HTTPStatus.OK:
        raise ServiceError(_refusal(status, answer))
    rows = list(csv.reader(io.StringIO(answer.decode("utf-8", "replace"), newline="")))
    if not rows or "segment" not in rows[0]:
        raise ServiceError(f"What answers at {service} is no scoring service: it sent no scored customers.")
    return Answer(answer, rows[0], rows[1:])


def _post(url: str, content: bytes) -> tuple[int, bytes]:
    """Sends a file; the status and the body of the answer."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address begins with http:// or https://")
    kind = "application/vnd.apache.parquet" if content.startswith(b"PAR1") else "text/csv"
    headers = {"Content-Type": kind, "Accept": "text/csv"}
    if token := os.environ.get("SEGPIPE_API_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=SECONDS)
    with contextlib.closing(connection):
        # Who refuses a file without reading all of it hangs up, and has said why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", f"{parts.path}?{parts.query}".rstrip("?"), content, headers)
        response = connection.getresponse()
        return response.status, response.read()


def _refusal(status: int, body: bytes) -> str:
    """The service's own words, where it has some."""
    try:
        error = json.loads(body)["error"]
        message, hint = str(error["message"]), str(error.get("hint") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"The service refused the file with status {status} and did not say why."
    return f"The service cannot score the file: {message}." + (f" {hint[:1].upper()}{hint[1:]}." if hint else "")
