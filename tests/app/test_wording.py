"""Numbers and sentences as people read them, and that nothing that stood in data becomes markup."""

import math

import pytest

import bundle
import charts
import wording
from bundle import Feature
from changes import FREQUENCY, MONETARY, RECENCY, Change

HOSTILE = "<script>alert('1')</script> [x](y) *a* `b` :red[c] $d$"


def plain(text: str | None) -> str:
    return (text or "").replace(wording.SPACE, " ")


def test_numbers_have_spaces_between_thousands() -> None:
    assert plain(wording.whole(4338)) == "4 338"
    assert plain(wording.number(8911407.904)) == "8 911 407.90"
    assert plain(wording.number(90.0)) == "90"
    assert [plain(wording.percent(share)) for share in (0.0, 0.0004, 0.003, 1.0)] == [
        "0.0 %",
        "< 0.1 %",
        "0.3 %",
        "100.0 %",
    ]
    assert [plain(wording.rounded(share)) for share in (0.0, 0.001, 0.5, 0.999, 1.0)] == [
        "0 %",
        "1 %",
        "50 %",
        "99 %",
        "100 %",
    ]


def test_a_noun_follows_its_count() -> None:
    assert [plain(wording.counted(count, "row")) for count in (0, 1, 4338)] == ["0 rows", "1 row", "4 338 rows"]


def test_values_have_units() -> None:
    orders = Feature("frequency", "orders", None, ())
    assert [plain(wording.value_of(orders, value)) for value in (1.0, 2.0, 2.5)] == [
        "1 order",
        "2 orders",
        "2.50 orders",
    ]
    assert plain(wording.value_of(Feature("recency", "purchase days", None, ()), 1.0)) == "1 purchase day"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(RECENCY, 3.0, 1, 6.0), "a purchase 6 days later (3 days ago, not 9) would make it **Middling**"),
        (Change(FREQUENCY, 2.0, 1, 6.0), "1 more order (2 instead of 1) would make it **Middling**"),
        (Change(FREQUENCY, 7.0, 1, 6.0), "6 more orders (7 instead of 1) would make it **Middling**"),
        (Change(MONETARY, 70.25, 1, 6.0), "60.25 more spent (70.25 instead of 10) would make it **Middling**"),
    ],
)
def test_a_change_is_told_in_plain_words(small: bundle.Bundle, change: Change, expected: str) -> None:
    feature = small.features[change.feature]
    found = wording.change(change, (9.0, 1.0, 10.0), feature, small.segments[change.segment])
    assert plain(found) == expected


def test_how_clear_a_decision_is_has_a_word(small: bundle.Bundle) -> None:
    words = {0.9: "clear", 0.3: "fairly clear", 0.1: "close", 0.01: "nearly a tie", math.nan: "the only one"}
    assert {margin: wording.clearness(margin) for margin in words} == words
    assert "is **close**: the segment's centre is 10 % nearer" in plain(wording.decision(0.1, small.segments[1]))
    assert "less probable" in wording.decision(-0.1, small.segments[1])
    assert "no runner-up" in wording.decision(math.nan, None)


def test_what_lies_outside_is_told_with_what_was_seen(small: bundle.Bundle) -> None:
    assert wording.outside_note(small.model, (1.0, 1.0, 1.0), small.features) is None
    found = wording.outside_note(small.model, (30.0, 1.0, 0.0), small.features)
    assert plain(found).startswith("The model has seen recency from 0 days to 20 days and monetary from 1 to 200.")


def test_nothing_that_stood_in_data_becomes_markup(small: bundle.Bundle) -> None:
    assert "<" not in wording.markdown(HOSTILE).replace("\\<", "")
    assert wording.marked("a `b` *c*") == "a `b` \\*c\\*"
    assert wording.marked("a ` *c*") == "a \\` \\*c\\*"
    segment = bundle.Segment(**{**vars(small.segments[0]), "name": HOSTILE})
    assert "<script" not in charts.chip(segment)
    assert "<script" not in charts.standing_bars(small, (1.0, 1.0, 1.0), segment)
    assert "<script" not in charts.share_bar(0.5, segment, HOSTILE)


def test_text_on_a_colour_can_be_read() -> None:
    assert charts.ink("#0072b2") == "#ffffff"
    assert charts.ink("#e69f00") == "#000000"
    assert charts.ink("#808080") == "#000000"


def test_the_best_are_on_the_right_of_every_bar(small: bundle.Bundle) -> None:
    assert charts.better("recency", 0.25) == 0.75
    assert charts.better("monetary", 0.25) == 0.25
    bars = plain(charts.standing_bars(small, (1.0, 9.0, 90.0), small.segments[0]))
    assert "More recent than 90 % of all customers" in bars
    # 9 of 6 to 10.
    assert "More often than 90 % of all customers and 75 % of Best" in bars


def test_the_map_reaches_to_a_customer_wherever_he_is(small: bundle.Bundle) -> None:
    chart, beyond = charts.customer_map(small, (100.0, 4.0))
    low, high = chart.to_dict()["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert low < 0.0
    assert high > 100.0
    assert beyond == 0


def test_a_plot_takes_the_colours_of_the_page() -> None:
    svg = '<rect fill="#FFFFFF"/><text fill="#1F2328"/>'
    assert charts.plot(svg, is_dark=False) == '<rect fill="none"/><text fill="#1F2328"/>'
    assert charts.plot(svg, is_dark=True) == '<rect fill="none"/><text fill="#F0F2F6"/>'
