"""What all pages share: the bundle, read once and again when it changes, and the model ready to score.

For: pages. Failures become a sentence on the page. Called by: `app.py` and the pages.
"""

from pathlib import Path

import streamlit as st

import bundle as bundles
from bundle import Bundle, BundleError
from scoring import Scorer


@st.cache_resource(max_entries=2, show_spinner="Reading the bundle…")
def _opened(directory: Path, stamp: tuple[int, int]) -> tuple[Bundle, Scorer]:
    """`stamp` tells one manifest from the next."""
    del stamp
    found = bundles.read(directory)
    return found, Scorer(found.model)


def opened() -> tuple[Bundle, Scorer]:
    """The bundle and its model; the page ends with a sentence where there is none."""
    directory = bundles.location()
    try:
        return _opened(directory, _stamp(directory / "manifest.json"))
    except BundleError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()


def _stamp(manifest: Path) -> tuple[int, int]:
    try:
        found = manifest.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def is_dark() -> bool:
    """Whether the page is shown on dark paper."""
    return st.context.theme.type == "dark"
