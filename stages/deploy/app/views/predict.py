"""The page Predict: one customer's values in, segment, reasons and action out."""

import numpy as np
import streamlit as st

import charts
import session
import wording
from bundle import Bundle, Feature, Segment
from changes import changes
from placing import is_skewed, nearest, place, stops
from scoring import Scorer, transform
from wording import TITLES

ASKED = {
    "recency": "Days since the last purchase",
    "frequency": "Number of {unit}",
    "monetary": "Money spent in all",
}
LARGEST = 1e12


def ask(bundle: Bundle, index: int) -> float:
    """A value to type, and a slider over what the data has; each follows the other."""
    feature = bundle.features[index]
    low, high = bundle.model.ranges[index].tolist()
    is_whole = feature.name != "monetary"
    is_log = is_skewed(feature)
    values = stops(low, high, is_log, is_whole)
    typed, slid = f"{feature.name}_typed", f"{feature.name}_slid"
    if typed not in st.session_state:
        st.session_state[typed] = _start(feature, values, is_whole)
    # What was typed decides, also where it is between two stops or beyond them.
    st.session_state[slid] = nearest(values, float(st.session_state[typed]))

    def follow() -> None:
        value = st.session_state[slid]
        st.session_state[typed] = int(value) if is_whole else float(value)

    label = ASKED[feature.name].format(unit=feature.unit)
    spoken = f"{TITLES[index]}: {label.lower()}"
    if is_whole:
        st.number_input(spoken, min_value=0, max_value=1_000_000, step=1, key=typed)
    else:
        st.number_input(spoken, min_value=-LARGEST, max_value=LARGEST, step=10.0, format="%.2f", key=typed)
    if len(values) > 1:
        scale = " (logarithmic)" if is_log else ""
        st.select_slider(
            f"{TITLES[index]} in the data: {wording.number(low)} to {wording.value_of(feature, high)}{scale}",
            options=values,
            key=slid,
            on_change=follow,
            format_func=wording.whole if is_whole else wording.number,
        )
    return float(st.session_state[typed])


def _start(feature: Feature, values: list[float], is_whole: bool) -> float:
    """About the median, so that the page begins with somebody usual."""
    median = feature.quantiles[len(feature.quantiles) // 2] if feature.quantiles else 0.0
    value = nearest(values, median)
    return int(value) if is_whole else value


def answer(bundle: Bundle, scorer: Scorer, raw: tuple[float, float, float]) -> Segment:
    """The card with the segment, how clear that is, and what to do."""
    scores = scorer.score(np.array([raw]))
    segment = bundle.segments[int(scores.segment[0])]
    runner_up = int(scores.runner_up[0])
    with st.container(border=True, key="answer"):
        st.caption("This customer is in the segment")
        st.html(charts.chip(segment, "1.75rem"))
        st.markdown(f":material/flag: **What to do:** {wording.markdown(wording.sentence(segment.action))}")
        following = bundle.segments[runner_up] if runner_up >= 0 else None
        st.markdown(wording.decision(float(scores.margin[0]), following))
        if note := wording.outside_note(bundle.model, raw, bundle.features):
            st.warning(note, icon=":material/warning:")
        upwards(bundle, scorer, raw, segment.number)
    return segment


def standing(bundle: Bundle, raw: tuple[float, float, float], segment: Segment) -> None:
    """The customer among all and within the segment."""
    st.subheader("Where this customer stands")
    st.html(charts.standing_bars(bundle, raw, segment))
    st.caption(
        "Each bar holds all customers, the best on the right. "
        f"Coloured: the middle half of {wording.markdown(segment.name)}. The mark: this customer."
    )


def upwards(bundle: Bundle, scorer: Scorer, raw: tuple[float, float, float], segment: int) -> None:
    """The smallest change that would move the customer up."""
    if segment == 0:
        st.markdown(":material/trending_up: There is no segment of higher value.")
        return
    found = changes(scorer, raw)
    if not found:
        st.markdown(
            ":material/trending_up: No change of a single value, within what the model has seen, would move this "
            "customer up."
        )
        return
    sentences = [wording.change(one, raw, bundle.features[one.feature], bundle.segments[one.segment]) for one in found]
    st.markdown(f":material/trending_up: **Smallest change that moves them up:** {wording.sentence(sentences[0])}")
    if sentences[1:]:
        st.caption("Or, all else as it is: " + "; or ".join(sentences[1:]) + ".")


def on_the_map(bundle: Bundle, raw: tuple[float, float, float]) -> None:
    """The customer among a sample of the others."""
    st.subheader("On the map")
    if not bundle.map.x:
        st.caption("This bundle has no map: `deploy.map_sample` is 0.")
        return
    where = place(bundle.projection, transform(bundle.model.scaler, np.array([raw]))[0])
    chart, beyond = charts.customer_map(bundle, where)
    st.altair_chart(chart, width="stretch")
    shown = f"The ring is this customer, the points are {wording.whole(len(bundle.map.x))} others."
    st.caption(shown + (f" {beyond} of them lie beyond the edges." if beyond else ""))


def show() -> None:
    """The page."""
    bundle, scorer = session.opened()
    st.title("Which segment is this customer in?")
    asked, told = st.columns([2, 3], gap="large")
    with asked:
        recency, frequency, monetary = (ask(bundle, index) for index in range(3))
    raw = (recency, frequency, monetary)
    with told:
        segment = answer(bundle, scorer, raw)
    left, right = st.columns(2, gap="large")
    with left:
        standing(bundle, raw, segment)
    with right:
        on_the_map(bundle, raw)


show()
