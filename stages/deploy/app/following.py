"""Fields and sliders that show the same values: which of them somebody has moved, and what the others show then.

For: telling what a person did from what the page did itself. A browser that is asked twice in short succession still
sends what it showed before it heard the first answer; taken for a person's doing, that would undo what was typed.
Not for: drawing. Called by: the page Predict. Knows no Streamlit.
"""

from collections import deque
from collections.abc import Mapping, Sequence

from placing import nearest

# A value that a browser has not heard of yet is at most so many answers old.
MEMORY = 8


class Following:
    """A typed and a slid value per feature, by name; each follows the other."""

    def __init__(self, values: Mapping[str, float], stops: Mapping[str, Sequence[float]]) -> None:
        self.values = dict(values)
        self.stops = {name: list(those) for name, those in stops.items()}
        self._received: dict[str, float] = {}
        self._told: dict[str, deque[float]] = {}

    @staticmethod
    def typed(name: str) -> str:
        """The key of a feature's field."""
        return f"{name}_typed"

    @staticmethod
    def slid(name: str) -> str:
        """The key of a feature's slider."""
        return f"{name}_slid"

    def shown(self) -> dict[str, float]:
        """What every field and slider is to show, by key."""
        typed = {self.typed(name): value for name, value in self.values.items()}
        return typed | {self.slid(name): nearest(self.stops[name], value) for name, value in self.values.items()}

    def hear(self, now: Mapping[str, float]) -> dict[str, float]:
        """Takes what the browser says that they show; returns what of it must be changed. Some may not be there yet."""
        moved = {key for key, value in now.items() if self._is_new(key, value)}
        if not moved:
            # Back to what it showed before: as nothing else explains why the browser speaks, somebody did that.
            moved = {key for key, value in self.shown().items() if now.get(key, value) != value}
        for name in self.values:
            # What was typed is more exact than what was slid.
            for key in (self.slid(name), self.typed(name)):
                if key in moved:
                    self.values[name] = now[key]
        for key, told in self._told.items():
            if told and now.get(key) == told[-1]:
                # It has heard the last of it, and so everything before.
                told.clear()
        changes = {key: value for key, value in self.shown().items() if now.get(key) != value}
        # What is not there yet begins with what it is told.
        self._received = changes | dict(now)
        for key, value in changes.items():
            told = self._told.setdefault(key, deque(maxlen=MEMORY))
            if key in now and value not in told:
                told.append(value)
        return changes

    def _is_new(self, key: str, value: float) -> bool:
        """Whether nobody but a person can have brought this about."""
        return value != self._received.get(key) and value not in self._told.get(key, ())
