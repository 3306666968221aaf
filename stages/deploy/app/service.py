"""Raw transactions, scored by the service that `SEGPIPE_API` names.

For: one request and its answer, so that reading and counting transactions has one implementation, segpipe's.
Not for: tables of recency, frequency and monetary (`reading.py`). Called by: the page Batch. Knows no Streamlit.
"""

import csv
import io
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException

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
    kind = "application/vnd.apache.parquet" if content.startswith(b"PAR1") else "text/csv"
    headers = {"Content-Type": kind, "Accept": "text/csv"}
    if token := os.environ.get("SEGPIPE_API_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    try:
        url = f"{service}/v1/transactions{'?' if query else ''}{query}"
        request = urllib.request.Request(url, data=content, headers=headers)
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            answer = response.read()
    except urllib.error.HTTPError as error:
        raise ServiceError(_refusal(error.code, error.read())) from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise ServiceError(f"The service at {service} does not answer: {reason}.") from None
    rows = list(csv.reader(io.StringIO(answer.decode("utf-8", "replace"), newline="")))
    if not rows or "segment" not in rows[0]:
        raise ServiceError(f"What answers at {service} is no scoring service: it sent no scored customers.")
    return Answer(answer, rows[0], rows[1:])


def _refusal(status: int, body: bytes) -> str:
    """The service's own words, where it has some."""
    try:
        error = json.loads(body)["error"]
        message, hint = str(error["message"]), error.get("hint")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"The service refused the file with status {status} and did not say why."
    return f"The service cannot score the file: {message}." + (f" {hint}." if hint else "")
