"""The page Predict: one customer's values in, segment, reasons and action out."""

import numpy as np
import streamlit as st

import charts
import placing
import session
import wording
from bundle import Bundle, Segment
from changes import changes
from following import Following
from placing import is_skewed, nearest, place
from scoring import Scorer, transform
from wording import TITLES

ASKED = {
    "recency": "Days since the last purchase",
    "frequency": "Number of {unit}",
    "monetary": "Money spent in all",
}
LARGEST = 1e12


def asked(bundle: Bundle) -> tuple[float, float, float]:
    """Values to type, and sliders over what the data has; each follows the other."""
    following = _following(bundle)
    keys = [key for key in following.shown() if key in st.session_state]
    for key, value in following.hear({key: float(st.session_state[key]) for key in keys}).items():
        is_count = key in (following.typed("recency"), following.typed("frequency"))
        st.session_state[key] = int(value) if is_count else value
    for index in range(3):
        ask(bundle, index, following)
    recency, frequency, monetary = (following.values[feature.name] for feature in bundle.features)
    return recency, frequency, monetary


def _following(bundle: Bundle) -> Following:
    """What this visitor has asked so far; about the medians at first, so that the page begins with somebody usual."""
    values, stops = {}, {}
    for feature, (low, high) in zip(bundle.features, bundle.model.ranges.tolist(), strict=True):
        name = feature.name
        stops[name] = placing.stops(low, high, is_skewed(feature), name != "monetary")
        median = feature.quantiles[len(feature.quantiles) // 2] if feature.quantiles else 0.0
        values[name] = nearest(stops[name], median)
    found = st.session_state.get("following")
    if found is None or found.stops != stops:
        found = Following(found.values if found else values, stops)
        st.session_state["following"] = found
    return found


def ask(bundle: Bundle, index: int, following: Following) -> None:
    """One value's field and slider."""
    feature = bundle.features[index]
    is_whole = feature.name != "monetary"
    typed, stops = following.typed(feature.name), following.stops[feature.name]
    label = ASKED[feature.name].format(unit=feature.unit)
    spoken = f"{TITLES[index]}: {label.lower()}"
    if is_whole:
        st.number_input(spoken, min_value=0, max_value=1_000_000, step=1, key=typed)
    else:
        st.number_input(spoken, min_value=-LARGEST, max_value=LARGEST, step=10.0, format="%.2f", key=typed)
    if len(stops) > 1:
        low, high = bundle.model.ranges[index].tolist()
        scale = " (logarithmic)" if is_skewed(feature) else ""
        st.select_slider(
            f"{TITLES[index]} in the data: {wording.number(low)} to {wording.value_of(feature, high)}{scale}",
            options=stops,
            key=following.slid(feature.name),
            format_func=wording.whole if is_whole else wording.number,
        )


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
    left, right = st.columns([2, 3], gap="large")
    with left:
        raw = asked(bundle)
    with right:
        segment = answer(bundle, scorer, raw)
    left, right = st.columns(2, gap="large")
    with left:
        standing(bundle, raw, segment)
    with right:
        on_the_map(bundle, raw)


show()
