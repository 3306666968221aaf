"""Numbers and findings in words, the same on every page.

For: pure functions to text, with spaces between thousands that do not break. Called by: the pages and `charts.py`.
Knows no Streamlit.
"""

import html
import math

from bundle import Feature, Model, Segment
from changes import FREQUENCY, MONETARY, RECENCY, Change
from placing import outside_names

SPACE = "\u00a0"
TITLES = ("Recency", "Frequency", "Monetary")


def whole(value: float) -> str:
    """`4 338`."""
    return f"{value:,.0f}".replace(",", SPACE)


def counted(count: int, noun: str) -> str:
    """`1 row`, `4 338 rows`."""
    return f"{whole(count)}{SPACE}{noun}{'' if count == 1 else 's'}"


def number(value: float) -> str:
    """`8 911 407.90`; `35` where there is nothing behind the point."""
    text = f"{value:,.2f}".replace(",", SPACE)
    return text.removesuffix(".00")


def percent(share: float) -> str:
    """`0.3 %`; what is below a tenth is said to be."""
    if 0.0 < share < 0.001:
        return f"<{SPACE}0.1{SPACE}%"
    return f"{share * 100.0:.1f}{SPACE}%"


def rounded(share: float) -> str:
    """`62 %`; only none and all are 0 and 100."""
    inner = min(max(round(share * 100.0), 1), 99)
    return f"{inner if 0.0 < share < 1.0 else round(share * 100.0)}{SPACE}%"


def moment(text: str) -> str:
    """`2011-12-09` of `2011-12-09T12:50:00`."""
    return text.split("T")[0]


def value_of(feature: Feature, value: float) -> str:
    """A value with its unit: `35 days`, `1 order`, `829.50`."""
    if feature.name == "monetary":
        return number(value)
    return f"{number(value)}{SPACE}{_unit(feature, value)}"


def _unit(feature: Feature, value: float) -> str:
    return feature.unit.removesuffix("s") if value == 1.0 else feature.unit


def quartiles(feature: Feature, found: tuple[float | None, ...]) -> tuple[str, str]:
    """A median with its unit, and the middle half around it."""
    first, median, third = found
    if first is None or median is None or third is None:
        return "none", ""
    return value_of(feature, round(median, 2)), f"{_short(first)} to {_short(third)}"


def _short(value: float) -> str:
    return whole(value) if abs(value) >= 100.0 or value == round(value) else f"{value:.1f}"


def clearness(margin: float) -> str:
    """How clear a decision is, in a word."""
    if math.isnan(margin):
        return "the only one"
    for least, word in ((0.5, "clear"), (0.2, "fairly clear"), (0.05, "close")):
        if margin >= least:
            return word
    return "nearly a tie"


def decision(margin: float, runner_up: Segment | None) -> str:
    """The runner-up and how clear the decision is."""
    if runner_up is None:
        return "The model has one segment, so there is no runner-up."
    if margin < 0.0:
        return f"Runner-up: **{markdown(runner_up.name)}**, whose centre is nearer, but which is the less probable one."
    return (
        f"Runner-up: **{markdown(runner_up.name)}**. The decision is **{clearness(margin)}**: "
        f"the segment's centre is {rounded(margin)} nearer than the runner-up's."
    )


def standing(feature: Feature, among_all: float, within: float, segment: str) -> str:
    """Where a customer stands in one feature, among all and within the segment, better being more."""
    word = {"recency": "More recent", "frequency": "More often", "monetary": "More"}[feature.name]
    return f"{word} than {rounded(among_all)} of all customers and {rounded(within)} of {segment}"


def change(found: Change, raw: tuple[float, float, float], feature: Feature, segment: Segment) -> str:
    """A change that would move a customer up, in words."""
    difference = abs(found.value - raw[found.feature])
    now, then = number(raw[found.feature]), number(found.value)
    what = {
        RECENCY: f"a purchase {value_of(feature, difference)} later ({value_of(feature, found.value)} ago, not {now})",
        FREQUENCY: f"{number(difference)} more {_unit(feature, difference)} ({then} instead of {now})",
        MONETARY: f"{number(difference)} more spent ({then} instead of {now})",
    }[found.feature]
    return f"{what} would make it **{markdown(segment.name)}**"


def outside_note(model: Model, raw: tuple[float, float, float], features: tuple[Feature, ...]) -> str | None:
    """That the model has not seen such a customer, where it has not."""
    names = outside_names(model, raw)
    if not names:
        return None
    seen = [
        f"{feature.name} from {value_of(feature, low)} to {value_of(feature, high)}"
        for feature, (low, high) in zip(features, model.ranges.tolist(), strict=True)
        if feature.name in names
    ]
    return f"The model has seen {' and '.join(seen)}. Beyond that, its answer is an extrapolation."


def sentence(fragment: str) -> str:
    """A fragment with a capital and a full stop."""
    text = fragment.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def markdown(text: str) -> str:
    """Text that stood in data, so that none of it becomes markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()<>#+-!|~$:" else letter for letter in text)


def marked(text: str) -> str:
    """The same for a message, whose names in backticks stay set apart."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return markdown(text)
    return "".join(f"`{part}`" if index % 2 else markdown(part) for index, part in enumerate(parts))


def escaped(text: str) -> str:
    """The same for HTML."""
    return html.escape(text, quote=True)
