"""Fields and sliders that follow each other, whatever a browser has not heard of yet."""

import random

import pytest

from following import Following

STOPS = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0]


def make() -> Following:
    return Following({"a": 2.0, "b": 3.0}, {"a": STOPS, "b": STOPS})


class Browser:
    """Shows what it is told as late as one likes, and says what it shows when somebody moves something."""

    def __init__(self, following: Following) -> None:
        self.following = following
        self.shows: dict[str, float] = {}
        self.unheard: list[dict[str, float]] = []
        self.speak()
        self.hear()

    def move(self, key: str, value: float) -> None:
        self.shows[key] = value
        self.speak()

    def speak(self) -> None:
        self.unheard.append(self.following.hear(dict(self.shows)))

    def hear(self) -> None:
        for told in self.unheard:
            self.shows.update(told)
        self.unheard = []


def test_each_follows_the_other() -> None:
    browser = Browser(make())
    browser.move("a_typed", 7.0)
    browser.hear()
    assert browser.shows == {"a_typed": 7.0, "a_slid": 5.0, "b_typed": 3.0, "b_slid": 3.0}
    browser.move("a_slid", 1.0)
    browser.hear()
    assert browser.shows["a_typed"] == 1.0


def test_a_value_typed_before_the_last_answer_came_undoes_nothing() -> None:
    browser = Browser(make())
    browser.move("a_typed", 5.0)
    browser.move("b_typed", 10.0)
    browser.hear()
    assert browser.following.values == {"a": 5.0, "b": 10.0}
    assert browser.shows == browser.following.shown()


def test_what_it_began_with_can_be_typed_again_with_others_at_once() -> None:
    browser = Browser(make())
    browser.move("a_typed", 4.0)
    browser.hear()
    browser.shows["a_typed"] = 2.0
    browser.move("b_typed", 1.0)
    assert browser.following.values == {"a": 2.0, "b": 1.0}


def test_a_slider_that_is_moved_on_and_on_is_not_held_back_by_its_field() -> None:
    browser = Browser(make())
    for value in (3.0, 4.0, 5.0):
        browser.move("a_slid", value)
    browser.hear()
    assert browser.following.values["a"] == 5.0
    assert browser.shows["a_typed"] == 5.0


@pytest.mark.parametrize("key", ["a_typed", "a_slid"])
def test_one_may_go_back_to_what_was_there(key: str) -> None:
    browser = Browser(make())
    for value in (5.0, 2.0, 5.0, 2.0):
        browser.move(key, value)
        browser.hear()
        assert browser.following.values["a"] == value
        assert browser.shows == browser.following.shown()


def test_back_and_forth_between_field_and_slider() -> None:
    browser = Browser(make())
    for key, value in (("a_typed", 4.0), ("a_slid", 2.0), ("a_typed", 4.0), ("a_slid", 2.0)):
        browser.move(key, value)
        browser.hear()
        assert browser.following.values["a"] == value, key


def test_a_page_that_is_left_and_opened_again_shows_what_was_asked() -> None:
    following = make()
    Browser(following).move("a_typed", 7.0)
    again = Browser(following)
    assert again.shows == {"a_typed": 7.0, "a_slid": 5.0, "b_typed": 3.0, "b_slid": 3.0}


@pytest.mark.parametrize("seed", range(200))
def test_whatever_is_late_the_last_move_of_each_feature_stands(seed: int) -> None:
    chance = random.Random(seed)
    stops = [float(stop) for stop in range(1000)]
    names = ["a", "b", "c"]
    following = Following(dict.fromkeys(names, 0.0), dict.fromkeys(names, stops))
    browser, last = Browser(following), dict.fromkeys(names, 0.0)
    fresh = iter(chance.sample(stops, 43))
    for _ in range(40):
        name, kind = chance.choice(names), chance.choice(["typed", "slid"])
        last[name] = next(fresh)
        browser.move(f"{name}_{kind}", last[name])
        if chance.random() < 0.5:
            browser.hear()
        assert following.values == last
    browser.hear()
    for name in names:
        last[name] = next(fresh)
        browser.move(f"{name}_typed", last[name])
        browser.hear()
    assert following.values == last
    assert browser.shows == following.shown()
