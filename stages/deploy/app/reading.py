"""An uploaded table of customers: recency, frequency and monetary per row, and what is wrong with which row.

For: CSV with any usual delimiter, gzipped or not, and Parquet, as bytes. A row that cannot be used does not lose the
others. Not for: raw transactions, which the service reads (`service.py`), or scoring. Called by: the page Batch.
Knows no Streamlit.
"""

import csv
import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bundle import FEATURES
from scoring import Scores

MAX_ROWS = 1_000_000
# Of an unpacked file.
MAX_BYTES = 1 << 30
DELIMITERS = ",;\t|"
ADDED = ("segment", "segment_name", "distance", "runner_up", "margin")
# Other words for the features that headers use, in lower case.
SYNONYMS = {
    "recency": ("r", "recency_days", "days_since_last_purchase", "days"),
    "frequency": ("f", "orders", "invoices", "purchases"),
    "monetary": ("m", "revenue", "spend", "monetary_value"),
}


class ReadingError(Exception):
    """A file that cannot be used at all; its text is a sentence."""


@dataclass(frozen=True)
class Problem:
    """Why a row cannot be scored. Rows count from 1, the header left out."""

    row: int
    column: str
    value: str
    why: str


@dataclass(frozen=True)
class Table:
    """A file as rows of text, as it was written."""

    header: list[str]
    rows: list[list[str]]
    # Whether numbers may be written with a decimal comma.
    has_commas: bool

    def features(self) -> dict[str, int | None]:
        """The position of each feature's column, found by its name; none where there is no such column."""
        names = [name.strip().lower() for name in self.header]
        found: dict[str, int | None] = {}
        for feature in FEATURES:
            words = [word for word in (feature, *SYNONYMS[feature]) if word in names]
            found[feature] = names.index(words[0]) if words else None
            if words and words[0] == feature and names.count(feature) > 1:
                raise ReadingError(f"The file has two columns called `{feature}`. Remove or rename one.")
        return found


@dataclass(frozen=True)
class Values:
    """The rows that can be scored, by position in the table, and the problems of the others."""

    rows: np.ndarray
    raw: np.ndarray
    problems: list[Problem]


def read(content: bytes) -> Table:
    """The table in a file; raises `ReadingError` where it is none."""
    if not content.strip():
        raise ReadingError("The file is empty.")
    table = _parquet(content) if content.startswith(b"PAR1") else _delimited(_text(_unpacked(content)))
    if not table.rows:
        raise ReadingError("The file has a header and no rows.")
    return table


def values(table: Table, columns: Sequence[int]) -> Values:
    """Recency, frequency and monetary of every row, from the three columns named."""
    rows, raw, problems = [], [], []
    for position, cells in enumerate(table.rows):
        numbers, problem = _numbers(table, columns, position, cells)
        if problem is None:
            rows.append(position)
            raw.append(numbers)
        else:
            problems.append(problem)
    return Values(np.array(rows, dtype=int), np.array(raw, dtype=np.float64).reshape(-1, 3), problems)


def result(table: Table, scored: Values, scores: Scores, names: Sequence[str]) -> bytes:
    """The table as CSV with what scoring adds, a row for a row; rows that cannot be scored say why in `problem`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    has_problems = ["problem"] if scored.problems else []
    writer.writerow([*table.header, *ADDED, *has_problems])
    answers = {int(row): _answer(scores, index, names) for index, row in enumerate(scored.rows)}
    whys = {problem.row - 1: _sentence(problem) for problem in scored.problems}
    width = len(table.header)
    for position, cells in enumerate(table.rows):
        padded = [*cells[:width], *[""] * (width - len(cells))]
        added = answers.get(position, [""] * len(ADDED))
        writer.writerow([*padded, *added, *([whys.get(position, "")] if has_problems else [])])
    return text.getvalue().encode()


def _answer(scores: Scores, index: int, names: Sequence[str]) -> list[str]:
    segment, runner_up = int(scores.segment[index]), int(scores.runner_up[index])
    margin = float(scores.margin[index])
    return [
        str(segment),
        names[segment],
        repr(float(scores.distance[index])),
        "" if runner_up < 0 else str(runner_up),
        "" if math.isnan(margin) else repr(margin),
    ]


def _sentence(problem: Problem) -> str:
    return f"{problem.column}: {problem.why}" if problem.column else problem.why


def _numbers(
    table: Table, columns: Sequence[int], position: int, cells: list[str]
) -> tuple[list[float], Problem | None]:
    if len(cells) != len(table.header):
        why = f"the row has {len(cells)} cells, the header {len(table.header)}"
        return [], Problem(position + 1, "", "", why)
    numbers = []
    for column in columns:
        number = _number(cells[column], table.has_commas)
        if isinstance(number, str):
            return [], Problem(position + 1, table.header[column], cells[column][:50], number)
        numbers.append(number)
    return numbers, None


def _number(text: str, has_commas: bool) -> float | str:
    """The number in a cell, or why there is none."""
    try:
        # Python would read `1_000`.
        number = float(text) if "_" not in text else None
    except ValueError:
        number = _with_comma(text) if has_commas else None
    if number is not None:
        return number if math.isfinite(number) else "is not a finite number"
    return "is not a number" if text.strip() else "is missing"


def _with_comma(text: str) -> float | None:
    try:
        return float(text.replace(",", ".")) if text.count(",") == 1 and "." not in text and "_" not in text else None
    except ValueError:
        return None


def header_of(content: bytes) -> list[str]:
    """Names of the columns of delimited text."""
    first = _text(_unpacked(content)).lstrip().split("\n", 1)[0]
    return [name.strip(' "\r') for name in first.split(_delimiter(first))]


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(content, MAX_BYTES)
    except zlib.error:
        raise ReadingError("The gzip file is damaged and cannot be unpacked.") from None
    if unpacker.unconsumed_tail:
        raise ReadingError(f"The file is larger than {MAX_BYTES >> 20} MB when it is unpacked. Split it.")
    if not unpacker.eof:
        raise ReadingError("The gzip file is cut off.")
    return unpacked


def _text(content: bytes) -> str:
    if content.startswith(b"PK\x03\x04"):
        raise ReadingError("This looks like a workbook or a zip archive. Save the sheet as CSV and upload that.")
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encodings = ["utf-16"] if is_wide else ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ReadingError("The file is neither text nor Parquet. CSV and Parquet can be read.")


def _delimited(text: str) -> Table:
    delimiter = _delimiter(text.lstrip().split("\n", 1)[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = []
    try:
        for cells in reader:
            if cells:
                rows.append(cells)
            _limit(len(rows) - 1)
    except csv.Error as error:
        raise ReadingError(f"Line {reader.line_num} of the file cannot be read as CSV: {error}.") from None
    return Table([name.strip() for name in rows[0]], rows[1:], has_commas=delimiter != ",")


def _delimiter(header: str) -> str:
    """What separates the names of the features, else what occurs most often in the header."""
    for delimiter in DELIMITERS:
        names = {name.strip(' "\r').lower() for name in header.split(delimiter)}
        if names.issuperset(FEATURES):
            return delimiter
    return max(DELIMITERS, key=header.count)


def _parquet(content: bytes) -> Table:
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        _limit(file.metadata.num_rows)
        _limit_bytes(sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)))
        table = file.read()
    except (pa.ArrowException, OSError, ValueError):
        raise ReadingError("The Parquet file is damaged and cannot be read.") from None
    columns = [[_cell(value) for value in column.to_pylist()] for column in table.columns]
    return Table(list(table.column_names), [list(row) for row in zip(*columns, strict=True)], has_commas=False)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _limit(rows: int) -> None:
    if rows > MAX_ROWS:
        raise ReadingError(f"The file has more than {MAX_ROWS} rows. Split it, or use `segpipe predict`.")


def _limit_bytes(size: int) -> None:
    if size > MAX_BYTES:
        raise ReadingError(f"The file is larger than {MAX_BYTES >> 20} MB when it is unpacked. Split it.")
