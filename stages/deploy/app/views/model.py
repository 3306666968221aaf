"""The page Model: how it was made, how good it is, where its run is."""

import streamlit as st

import charts
import session
import tracking
from bundle import Bundle
from tracking import Tracked, TrackingError
from wording import markdown


@st.cache_data(ttl=60, max_entries=10, show_spinner=False)
def _found(identity: str) -> Tracked | str:
    """The run, or why there is none; asked at most once a minute."""
    try:
        return tracking.find(identity)
    except TrackingError as error:
        return str(error)


def run(bundle: Bundle) -> None:
    """Links to the run and the registered version."""
    found = _found(bundle.identity)
    if isinstance(found, str):
        st.info(found, icon=":material/link_off:")
        return
    st.markdown(
        f":material/link: MLflow: run [{markdown(found.run)}]({found.run_url}), "
        f"model [{markdown(found.version)}]({found.version_url})"
    )


def study(bundle: Bundle) -> None:
    """Why this number of segments."""
    st.subheader("How many segments")
    if not bundle.study:
        st.caption("No numbers of segments were compared.")
        return
    left, right = st.columns(2)
    left.altair_chart(charts.study(bundle.study, "silhouette", "mean silhouette"), width="stretch")
    right.altair_chart(charts.study(bundle.study, "inertia", "inertia"), width="stretch")
    st.caption("A higher silhouette and a bend in the inertia speak for a number.")


def silhouette(bundle: Bundle) -> None:
    """How well each customer fits."""
    if "silhouette" in bundle.plots:
        st.subheader("How well customers fit")
        st.image(charts.plot(bundle.plots["silhouette"], session.is_dark()), width="stretch")


def card(bundle: Bundle) -> None:
    """The model card, to read and to keep."""
    st.subheader("Model card")
    left, right = st.columns(2)
    left.download_button("Download as HTML", bundle.card_page, "model_card.html", "text/html", width="stretch")
    right.download_button("Download as Markdown", bundle.card, "model_card.md", "text/markdown", width="stretch")
    # On a narrow screen a wide table is moved within the card, and not the page.
    st.html("<style>.st-key-card table { display: block; overflow-x: auto; }</style>")
    with st.container(border=True, key="card"):
        # The page has its headings already.
        st.markdown("\n".join(f"##{line}" if line.startswith("#") else line for line in bundle.card.splitlines()))


def show() -> None:
    """The page."""
    bundle, _ = session.opened()
    st.title("The model")
    run(bundle)
    study(bundle)
    silhouette(bundle)
    card(bundle)


show()
