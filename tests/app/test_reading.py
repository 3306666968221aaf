"""Uploaded tables: every form gives the same rows, and a bad row loses no other."""

import csv
import gzip
import io
import time

import numpy as np
import pandas as pd
import pytest

import reading
from reading import Problem, ReadingError
from scoring import Scorer

GOOD = b"customer_id,recency,frequency,monetary\na,1,9,90\nb,5,5,50.5\n"
EXPECTED = [[1.0, 9.0, 90.0], [5.0, 5.0, 50.5]]


def values_of(content: bytes) -> reading.Values:
    table = reading.read(content)
    return reading.values(table, [position for position in table.features().values() if position is not None])


def parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out, index=False)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.decode().encode("utf-16"),
        gzip.compress(GOOD),
        GOOD.replace(b",", b"\t"),
        GOOD.replace(b",", b";").replace(b"50.5", b"50,5"),
        GOOD.replace(b"recency", b'"Recency "').replace(b"monetary", b"M"),
        b"monetary,frequency,recency\n90,9,1\n\n50.5,5,5",
        parquet(pd.DataFrame({"recency": [1, 5], "frequency": [9, 5], "monetary": [90.0, 50.5]})),
        parquet(pd.DataFrame({"monetary": ["90", "50.5"], "recency": [1.0, 5.0], "frequency": [9, 5]})),
    ],
)
def test_every_form_of_a_table_gives_the_same_values(content: bytes) -> None:
    found = values_of(content)
    assert found.problems == []
    assert found.raw.tolist() == EXPECTED


def test_a_bad_row_is_told_and_loses_no_other() -> None:
    rows = [
        "id,recency,frequency,monetary",
        "a,1,9,90",
        "b,soon,9,90",
        "c,1,,90",
        "d,1,9,inf",
        "e,1,9",
        'f,1,9,"1_0"',
        "g,5,5,50",
    ]
    found = values_of("\n".join(rows).encode())
    assert found.rows.tolist() == [0, 6]
    assert found.problems == [
        Problem(2, "recency", "soon", "is not a number"),
        Problem(3, "frequency", "", "is missing"),
        Problem(4, "monetary", "inf", "is not a finite number"),
        Problem(5, "", "", "the row has 3 cells, the header 4"),
        Problem(6, "monetary", "1_0", "is not a number"),
    ]


def test_nulls_of_parquet_are_missing() -> None:
    frame = pd.DataFrame({"recency": [1, None], "frequency": [9, 5], "monetary": [90.0, 50.0]}, dtype="Float64")
    assert values_of(parquet(frame)).problems == [Problem(2, "recency", "", "is missing")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "The file is empty"),
        (b" \n ", "The file is empty"),
        (b"recency,frequency,monetary\n", "a header and no rows"),
        (b"PK\x03\x04rest", "looks like a workbook"),
        (b"\x00\x01\x02\x03", "neither text nor Parquet"),
        (b"PAR1 and no more", "Parquet file is damaged"),
        (gzip.compress(GOOD)[:-12], "gzip file is cut off"),
        (b"\x1f\x8bnothing", "gzip file is damaged"),
        (b'a,b\n1,"' + b"x" * 200_000, "cannot be read as CSV"),
    ],
)
def test_what_is_no_table_is_told_in_a_sentence(content: bytes, expected: str) -> None:
    with pytest.raises(ReadingError, match=expected):
        reading.read(content)


def test_two_columns_of_one_name_are_refused() -> None:
    table = reading.read(b"recency,recency,frequency,monetary\n1,1,1,1\n")
    with pytest.raises(ReadingError, match="two columns called `recency`"):
        table.features()


def test_a_table_of_something_else_has_no_features() -> None:
    table = reading.read(b"InvoiceNo,Quantity,CustomerID\n1,2,3\n")
    assert table.features() == {"recency": None, "frequency": None, "monetary": None}


def test_more_rows_than_are_taken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 1)
    for content in (GOOD, parquet(pd.DataFrame({"recency": [1, 2]}))):
        with pytest.raises(ReadingError, match="more than 1 rows"):
            reading.read(content)


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 1000)
    with pytest.raises(ReadingError, match="when it is unpacked"):
        reading.read(gzip.compress(b"recency,frequency,monetary\n" + b"1,1,1\n" * 1000))


def test_the_result_has_a_row_for_a_row(scorer: Scorer) -> None:
    table = reading.read(b"id,recency,frequency,monetary\na,2,8,80\nb,x,1,1\nc,5,5,50\n")
    found = reading.values(table, [1, 2, 3])
    result = reading.result(table, found, scorer.score(found.raw), scorer.model.names)
    rows = list(csv.DictReader(io.StringIO(result.decode())))
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert [row["segment_name"] for row in rows] == ["Best", "", "Middling"]
    assert [row["segment"] for row in rows] == ["0", "", "1"]
    assert [row["runner_up"] for row in rows] == ["1", "", "0"]
    assert float(rows[0]["margin"]) == pytest.approx(2.0 / 3.0)
    assert [row["problem"] for row in rows] == ["", "recency: is not a number", ""]


def test_a_result_without_problems_has_no_column_for_them(scorer: Scorer) -> None:
    table = reading.read(GOOD)
    found = reading.values(table, [1, 2, 3])
    result = reading.result(table, found, scorer.score(found.raw), scorer.model.names)
    header = "customer_id,recency,frequency,monetary,segment,segment_name,distance,runner_up,margin"
    assert result.decode().splitlines()[0] == header


def test_a_hundred_thousand_rows_take_seconds(scorer: Scorer) -> None:
    random = np.random.default_rng(1)
    rows = random.integers(1, 200, (100_000, 3))
    content = "recency,frequency,monetary\n" + "\n".join(",".join(map(str, row)) for row in rows)
    # Of its own time: the gate's other work does not count.
    start = time.process_time()
    table = reading.read(content.encode())
    found = reading.values(table, [0, 1, 2])
    result = reading.result(table, found, scorer.score(found.raw), scorer.model.names)
    assert time.process_time() - start < 10.0
    assert result.count(b"\n") == 100_001


def test_a_header_is_read_without_its_rows() -> None:
    assert reading.header_of(gzip.compress(b'"Client";Day;Amount\r\n1;2;3\r\n')) == ["Client", "Day", "Amount"]
