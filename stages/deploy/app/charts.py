"""What the pages draw: chips, bars, the map, the study of k, the plots of the report.

For: HTML and Altair from values. Colours are the bundle's: Okabe and Ito's, which colour-blind people can tell
apart; shapes and names say the same once more. Not for: where it is shown. Called by: the pages.
Knows no Streamlit.
"""

import altair as alt
import pandas as pd

from bundle import Bundle, Segment, Study
from placing import rank
from wording import TITLES, escaped, standing, value_of

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
# The neutral colours of the report's plots, on white and on dark paper.
DARK = {"#FFFFFF": "#191918", "#1F2328": "#F0F2F6", "#57606A": "#B6BDC6", "#DEE2E6": "#3A404A"}
# How far the map reaches: the middle of the customers, who would be a dot beside the few largest.
MIDDLE = (0.01, 0.99)


def ink(colour: str) -> str:
    """Black or white, whichever can be read on `colour`."""
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255.0) for place in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else "#ffffff"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def chip(segment: Segment, size: str = "1.25rem") -> str:
    """A segment's name on its colour."""
    style = (
        f"display:inline-block;padding:.15em .6em;border-radius:.4em;font-weight:600;font-size:{size};"
        f"background:{segment.colour};color:{ink(segment.colour)};border:1px solid rgba(128,128,128,.6)"
    )
    return f'<span style="{style}">{escaped(segment.name)}</span>'


def share_bar(share: float, segment: Segment, what: str) -> str:
    """A share of the whole as a bar in the segment's colour."""
    text = escaped(what)
    return (
        f'<div role="img" aria-label="{text}" style="margin:.1rem 0 .5rem">'
        f'<div style="font-size:.875rem">{text}</div>'
        '<div style="height:.6rem;border-radius:.3rem;background:rgba(128,128,128,.25)">'
        f'<div style="height:100%;min-width:2px;width:{share * 100.0:.2f}%;border-radius:.3rem;'
        f"background:{segment.colour};outline:1px solid rgba(128,128,128,.5);"
        'outline-offset:-1px"></div></div></div>'
    )


def standing_bars(bundle: Bundle, raw: tuple[float, float, float], segment: Segment) -> str:
    """Three bars: all customers from worst to best, the middle half of the segment, and the customer."""
    return "".join(_standing_bar(bundle, raw, segment, feature) for feature in range(3))


def _standing_bar(bundle: Bundle, raw: tuple[float, float, float], segment: Segment, index: int) -> str:
    feature, own = bundle.features[index], segment.features[index]
    among = better(feature.name, rank(feature.quantiles, raw[index]))
    within = better(feature.name, rank(own.quantiles, raw[index]))
    edges = [quartile for quartile in segment.quartiles[index] if quartile is not None]
    ranks = sorted(better(feature.name, rank(feature.quantiles, quartile)) for quartile in edges) or [0.0, 0.0]
    low, high = ranks[0] * 100.0, ranks[-1] * 100.0
    text = escaped(standing(feature, among, within, segment.name))
    title = escaped(f"{TITLES[index]}: {value_of(feature, raw[index])}")
    return (
        f'<div role="img" aria-label="{title}. {text}." style="margin:0 0 1rem">'
        f'<div style="font-weight:600">{title}</div>'
        '<div style="position:relative;height:1.1rem;border-radius:.3rem;background:rgba(128,128,128,.25)">'
        f'<div style="position:absolute;top:0;bottom:0;left:{low:.1f}%;width:{max(high - low, 0.5):.1f}%;'
        f'border-radius:.2rem;background:{segment.colour};border:1px solid rgba(128,128,128,.6)"></div>'
        f'<div style="position:absolute;top:-.25rem;bottom:-.25rem;left:calc({among * 100.0:.1f}% - 3px);width:6px;'
        'border-radius:3px;background:currentColor;border:1px solid rgba(128,128,128,.8)"></div>'
        f'</div><div style="font-size:.875rem">{text}</div></div>'
    )


def better(feature: str, share: float) -> float:
    """The share of customers who do worse: those below, but for recency, where little is good."""
    return 1.0 - share if feature == "recency" else share


def customer_map(bundle: Bundle, place: tuple[float, float]) -> tuple[alt.LayerChart, int]:
    """The map with one customer on it, and how many of the sampled customers lie beyond its edges."""
    frame = pd.DataFrame({"x": bundle.map.x, "y": bundle.map.y, "number": bundle.map.segment})
    frame["segment"] = [bundle.segments[number].name for number in frame["number"]]
    names = [segment.name for segment in bundle.segments]
    shapes = [SHAPES[segment.number % len(SHAPES)] for segment in bundle.segments]
    (low_x, high_x), (low_y, high_y) = (_edges(frame[axis], where) for axis, where in zip("xy", place, strict=True))
    is_inside = frame["x"].between(low_x, high_x) & frame["y"].between(low_y, high_y)
    axes = [
        alt.X("x", title=_axis(bundle, 0), scale=alt.Scale(domain=[low_x, high_x], nice=False)),
        alt.Y("y", title=_axis(bundle, 1), scale=alt.Scale(domain=[low_y, high_y], nice=False)),
    ]
    legend = alt.Legend(title=None, orient="top", columns=2, symbolOpacity=1, labelLimit=300)
    colours = alt.Scale(domain=names, range=[segment.colour for segment in bundle.segments])
    others = (
        alt.Chart(frame[is_inside])
        .mark_point(filled=True, opacity=0.55, size=35)
        .encode(
            *axes,
            color=alt.Color("segment", scale=colours, legend=legend),
            shape=alt.Shape("segment", scale=alt.Scale(domain=names, range=shapes), legend=legend),
            tooltip=[alt.Tooltip("segment", title="Segment")],
        )
    )
    here = alt.Chart(pd.DataFrame({"x": [place[0]], "y": [place[1]]})).encode(*axes)
    # A dark ring in a light one is seen on any paper and on any colour.
    rings = [
        here.mark_point(filled=False, size=360, strokeWidth=width, stroke=colour, opacity=1)
        for width, colour in ((7.0, "#ffffff"), (3.0, "#000000"))
    ]
    return alt.layer(others, *rings).properties(height=380), int((~is_inside).sum())


def _edges(values: pd.Series, place: float) -> tuple[float, float]:
    low, high = (float(values.quantile(share)) for share in MIDDLE) if len(values) else (place, place)
    room = 0.08 * (max(high, place) - min(low, place)) or 1.0
    return min(low, place) - room, max(high, place) + room


def _axis(bundle: Bundle, component: int) -> str:
    return f"principal component {component + 1} ({bundle.projection.explained[component] * 100.0:.0f} % of the spread)"


def study(studied: tuple[Study, ...], measure: str, title: str) -> alt.LayerChart:
    """One measure over the numbers of segments that were compared, the chosen one marked."""
    rows = [{"k": card.k, title: getattr(card, measure), "chosen": card.is_selected} for card in studied]
    base = alt.Chart(pd.DataFrame(rows).dropna()).encode(
        alt.X("k:O", title="number of segments", axis=alt.Axis(labelAngle=0)),
        alt.Y(f"{title}:Q", scale=alt.Scale(zero=False)),
        tooltip=["k", alt.Tooltip(title, format=".3f")],
    )
    chosen = base.transform_filter("datum.chosen")
    mark = chosen.mark_point(filled=True, size=180, color="#d55e00", shape="diamond", opacity=1)
    name = chosen.mark_text(dy=-16, text="chosen", fontWeight="bold", color="#d55e00")
    return (base.mark_line(point=True, color="#0072b2") + mark + name).properties(height=300)


def plot(svg: str, is_dark: bool) -> str:
    """A plot of the report on the paper of the page."""
    svg = svg.replace('fill="#FFFFFF"', 'fill="none"', 1)
    if is_dark:
        for light, dark in DARK.items():
            svg = svg.replace(f'"{light}"', f'"{dark}"')
    return svg
