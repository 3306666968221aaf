"""The page Overview: the data, what to be careful about, a card per segment, the plots."""

import streamlit as st

import charts
import session
from bundle import Bundle, Segment
from wording import TITLES, counted, markdown, marked, moment, number, percent, quartiles, sentence, whole

# Plots of the report, as people would call them; others follow under their own names.
PLOTS = {"segment_sizes": "Sizes", "segment_profiles": "Profiles", "pca_scatter": "Map"}


def facts(bundle: Bundle) -> None:
    """Customers, revenue, period, source."""
    data = bundle.data
    period = " to ".join(map(moment, data.period)) if data.period else "not known"
    columns = st.columns(4)
    columns[0].metric("Customers", whole(data.customers))
    columns[1].metric("Revenue", number(data.revenue), help="In the money of the data.")
    columns[2].metric("Segments", len(bundle.segments))
    columns[3].metric("Source", "simulated" if data.is_simulated else "real data")
    st.caption(f"Purchases from {period}. Recency is counted at {moment(data.snapshot)}.")


def warnings(bundle: Bundle) -> None:
    """What would mislead a reader who does not know it."""
    for warning in bundle.warnings:
        st.warning(marked(sentence(warning)), icon=":material/warning:")


def card(bundle: Bundle, segment: Segment) -> None:
    """One segment: who they are, how they buy, what to do."""
    with st.container(border=True, height="stretch"):
        st.html(charts.chip(segment))
        st.markdown(markdown(sentence(segment.description)))
        customers, revenue = percent(segment.customer_share), percent(segment.revenue_share)
        what = f"{counted(segment.customers, 'customer')}, {customers} of all"
        st.html(charts.share_bar(segment.customer_share, segment, what))
        what = f"{number(segment.revenue)} revenue, {revenue} of all"
        st.html(charts.share_bar(segment.revenue_share, segment, what))
        rows = ["| | median | middle half |", "|---|---:|---:|"]
        for title, feature, found in zip(TITLES, bundle.features, segment.quartiles, strict=True):
            median, middle = quartiles(feature, found)
            rows.append(f"| {title} | {median} | {middle} |")
        st.markdown("\n".join(rows))
        st.markdown(f":material/flag: **What to do:** {markdown(sentence(segment.action))}")


def plots(bundle: Bundle) -> None:
    """The report's plots of the segments."""
    names = [name for name in PLOTS if name in bundle.plots]
    if not names:
        return
    st.subheader("Plots")
    for tab, name in zip(st.tabs([PLOTS[name] for name in names]), names, strict=True):
        tab.image(charts.plot(bundle.plots[name], session.is_dark()), width="stretch")


def show() -> None:
    """The page."""
    bundle, _ = session.opened()
    st.title("Customer segments")
    facts(bundle)
    warnings(bundle)
    st.subheader("Segments, the most valuable first")
    for start in range(0, len(bundle.segments), 2):
        columns = st.columns(2)
        for column, segment in zip(columns, bundle.segments[start : start + 2], strict=False):
            with column:
                card(bundle, segment)
    plots(bundle)


show()
