"""The page Batch: a list of customers in, the list with segments out. Nothing is stored."""

import numpy as np
import pandas as pd
import streamlit as st

import reading
import service
import session
from bundle import FEATURES, Bundle
from placing import outside
from reading import ReadingError, Table, Values
from scoring import Scorer, Scores
from service import ServiceError
from wording import TITLES, counted, percent, whole

PREVIEW = 100
NOT_SENT = "leave it to the service"
LABELS = {
    "customer": "Customer",
    "date": "Date",
    "invoice": "Invoice",
    "quantity": "Quantity",
    "unit_price": "Unit price",
    "amount": "Amount",
}


def customers(bundle: Bundle, scorer: Scorer) -> None:
    """A table with recency, frequency and monetary."""
    st.markdown(
        "A CSV or Parquet file with the columns `recency` (days), `frequency` and `monetary`, one row per customer. "
        "Other columns are handed back as they are."
    )
    uploaded = st.file_uploader("Customers", type=["csv", "tsv", "txt", "gz", "parquet"], key="customers")
    if uploaded is None:
        return
    try:
        table = reading.read(uploaded.getvalue())
        columns = chosen_columns(table)
    except ReadingError as error:
        st.error(str(error), icon=":material/error:")
        return
    if columns is None:
        return
    values = reading.values(table, columns)
    problems(table, values)
    if len(values.rows) == 0:
        st.error("No row of the file can be scored.", icon=":material/error:")
        return
    scores = scorer.score(values.raw)
    notes(bundle, values)
    names = bundle.model.names
    content = reading.result(table, values, scores, names)
    name = uploaded.name.split(".")[0] or "customers"
    st.download_button("Download the result (CSV)", content, f"{name}-segments.csv", "text/csv", type="primary")
    counts(bundle, scores)
    preview(table, values, scores, names)


def chosen_columns(table: Table) -> list[int] | None:
    """The three columns, by name or as the reader says; none until all are known."""
    found = table.features()
    missing = [feature for feature in FEATURES if found[feature] is None]
    if not missing:
        return [position for position in found.values() if position is not None]
    st.info(
        f"The file has no column called {' or '.join(f'`{feature}`' for feature in missing)}. Say which column it is; "
        "a file of single transactions belongs in the tab Transactions."
    )
    chosen = {}
    for column, title, feature in zip(st.columns(3), TITLES, FEATURES, strict=True):
        options = list(range(len(table.header)))
        chosen[feature] = column.selectbox(
            title, options, index=found[feature], format_func=lambda at: table.header[at], placeholder="Choose a column"
        )
    positions = [position for position in chosen.values() if position is not None]
    if len(positions) == 3 and len(set(positions)) < 3:
        st.error("Two of them are the same column.", icon=":material/error:")
        return None
    return positions if len(positions) == 3 else None


def problems(table: Table, values: Values) -> None:
    """Which rows cannot be scored, and why."""
    if not values.problems:
        count = len(table.rows)
        said = "The row can be scored." if count == 1 else f"All {whole(count)} rows can be scored."
        st.success(said, icon=":material/check_circle:")
        return
    count = len(values.problems)
    st.warning(
        f"{whole(count)} of {counted(len(table.rows), 'row')} cannot be scored; the others are. "
        "In the result these rows say why in the column `problem`.",
        icon=":material/warning:",
    )
    shown = values.problems[:PREVIEW]
    frame = pd.DataFrame(
        {
            "row": [problem.row for problem in shown],
            "column": [problem.column for problem in shown],
            "value": [problem.value for problem in shown],
            "why": [problem.why for problem in shown],
        }
    )
    st.container(key="problems").table(frame.head(10).set_index("row"))
    if count > 10:
        with st.expander(f"The first {whole(len(shown))} of {whole(count)} problems"):
            st.dataframe(frame, hide_index=True, width="stretch")


def notes(bundle: Bundle, values: Values) -> None:
    """That some customers are unlike those the model has seen."""
    beyond = int(outside(bundle.model, values.raw).any(axis=1).sum())
    if beyond:
        said = "1 row lies" if beyond == 1 else f"{whole(beyond)} rows lie"
        answers = "its answer is an extrapolation" if beyond == 1 else "their answers are extrapolations"
        st.info(f"{said} outside what the model has seen; {answers}.", icon=":material/info:")


def counts(bundle: Bundle, scores: Scores) -> None:
    """How many customers are in each segment."""
    found = np.bincount(scores.segment, minlength=len(bundle.segments))
    rows = [
        {"segment": segment.name, "customers": int(found[segment.number]), "share": percent(share)}
        for segment, share in zip(bundle.segments, found / len(scores.segment), strict=True)
    ]
    st.table(pd.DataFrame(rows).set_index("segment"))


def preview(table: Table, values: Values, scores: Scores, names: tuple[str, ...]) -> None:
    """The first scored rows."""
    shown = values.rows[:PREVIEW]
    frame = pd.DataFrame([table.rows[row] for row in shown], columns=_distinct(table.header))
    count = len(shown)
    runner_up = [names[segment] if segment >= 0 else "" for segment in scores.runner_up[:count]]
    added = {
        "→ segment": [names[segment] for segment in scores.segment[:count]],
        "→ distance": scores.distance[:count].round(4),
        "→ runner-up": runner_up,
        "→ margin": scores.margin[:count].round(4),
    }
    st.caption(f"The first {count} of {counted(len(values.rows), 'scored row')}.")
    st.dataframe(pd.concat([frame, pd.DataFrame(added)], axis=1), hide_index=True, width="stretch")


def _distinct(names: list[str]) -> list[str]:
    """A table on the page cannot have two columns of one name."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct


def transactions() -> None:
    """A file of single purchases, scored by the service."""
    address = service.address()
    if address is None:
        st.info(
            "Transactions are read and counted by segpipe's scoring service, so that there is one way of doing it. "
            "Start it with `segpipe serve` and set `SEGPIPE_API` to its address, for example "
            "`SEGPIPE_API=http://127.0.0.1:8080`; `docker compose up` does both. "
            "Or score the file where it is: `segpipe predict transactions.csv -o scored.csv`.",
            icon=":material/info:",
        )
        return
    st.markdown(
        "A CSV or Parquet file with a row per purchased item: customer, date, and quantity and price or an amount. "
        "It goes to the scoring service, which keeps nothing."
    )
    uploaded = st.file_uploader("Transactions", type=["csv", "tsv", "txt", "gz", "parquet"], key="transactions")
    if uploaded is None:
        return
    content = uploaded.getvalue()
    try:
        choices = mapping(service.columns(content))
        if not st.button("Score the transactions", type="primary"):
            return
        with st.spinner("The service reads the transactions…"):
            answer = service.score(address, content, choices)
    except (ReadingError, ServiceError) as error:
        st.error(str(error), icon=":material/error:")
        return
    said = f"{counted(len(answer.rows), 'customer')} {'is' if len(answer.rows) == 1 else 'are'} scored."
    st.success(said, icon=":material/check_circle:")
    name = uploaded.name.split(".")[0] or "customers"
    st.download_button("Download the customers (CSV)", answer.content, f"{name}-segments.csv", "text/csv")
    frame = pd.DataFrame(answer.rows[:PREVIEW], columns=_distinct(answer.header))
    st.dataframe(frame, hide_index=True, width="stretch")


def mapping(columns: list[str]) -> dict[str, str]:
    """Which column is what, where the reader knows better than the service."""
    with st.expander("Columns and dates, where the service does not recognise them"):
        chosen = {}
        places = st.columns(3)
        for position, (name, label) in enumerate(LABELS.items()):
            picked = places[position % 3].selectbox(label, [NOT_SENT, *columns], key=f"column_{name}")
            chosen[name] = "" if picked == NOT_SENT else picked
        picked = st.selectbox("Dates are written", [NOT_SENT, *service.DATE_FORMATS], key="date_format")
        chosen["date_format"] = "" if picked == NOT_SENT else picked
    return chosen


def show() -> None:
    """The page."""
    bundle, scorer = session.opened()
    st.title("Many customers at once")
    st.caption("Files are scored in memory and forgotten; nothing is stored.")
    by_customer, by_transaction = st.tabs(["Customers", "Transactions"])
    with by_customer:
        customers(bundle, scorer)
    with by_transaction:
        transactions()


show()
