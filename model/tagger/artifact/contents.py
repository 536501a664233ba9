"""The JSON of a model directory: objects whose values are asked for by name, kind and bounds.

A dozen values of six kinds are these few lines; a library for schemas would be imported by every
worker, and name values by paths of its own.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from model.text.escaping import harmless, shortened
from schemas.errors import ArtifactError

T = TypeVar("T")

# Of names, which are in every row; and of a value that is at fault, in a message.
LONGEST_NAME = 200
NAME_EXPECTED = f"expected a text of 1 to {LONGEST_NAME} printable characters"
_SHOWN = 40

# What a count may be: the whole numbers that a float64 holds exactly.
MOST = 2**53


class Fields:
    """A JSON object; each method raises ArtifactError where the value is not as it says.

    place: what the object is called in messages. A default stands for a value that is not there.
    """

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self.values = values
        self._place = place

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def text(self, name: str, default: str | None = None) -> str:
        """A text as `is_name` describes it."""
        return self._value(name, default, is_name, NAME_EXPECTED)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of different texts that UTF-8 can write."""
        texts: list[str] = self._value(name, None, _are_texts, "expected a list of texts in UTF-8")
        if len(set(texts)) < len(texts):
            raise ArtifactError(f"{self._place}: a text stands twice in {name}")
        return tuple(texts)

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        """A whole number within bounds."""

        def is_within(value: object) -> bool:
            return is_whole(value, least, most)

        return self._value(
            name, default, is_within, f"expected a whole number from {least:,} to {most:,}"
        )

    def wholes(self, name: str) -> list[int]:
        """A list of counts."""

        def are_counts(value: object) -> bool:
            return isinstance(value, list) and all(is_whole(v, 0, MOST) for v in value)

        return self._value(name, [], are_counts, "expected a list of counts")

    def number(self, name: str, least: float, most: float) -> float:
        """A number within bounds."""

        def is_within(value: object) -> bool:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return is_number and least <= value <= most  # type: ignore[operator]  # a number

        return float(
            self._value(name, None, is_within, f"expected a number from {least:,} to {most:,}")
        )

    def boolean(self, name: str, *, default: bool) -> bool:
        """True or false."""
        return self._value(
            name, default, lambda value: isinstance(value, bool), "expected true or false"
        )

    def fields(self, name: str, default: Mapping[str, Any] | None = None) -> "Fields":
        """An object within this one."""
        values = self._value(
            name, default, lambda value: isinstance(value, dict), "expected an object"
        )
        return Fields(values, f"{self._place}: {name}")

    def require_known(self, names: Collection[str]) -> None:
        """Raise ArtifactError for a value of another name than these."""
        for name in self.values:
            if name not in names:
                raise ArtifactError(f"{self._place} has {shown(name)}, which is not known")

    def _value(
        self, name: str, default: T | None, is_right: Callable[[object], bool], expected: str
    ) -> T:
        if name not in self.values:
            if default is None:
                raise ArtifactError(f"{self._place} has no {name}, {expected}")
            return default
        value: T = self.values[name]
        if not is_right(value):
            raise ArtifactError(f"{self._place}: {name} is {shown(value)}, {expected}")
        return value


def is_name(value: object) -> bool:
    """Whether it is a text of 1 to 200 characters that all print, in UTF-8."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and harmless(value) == value


def is_whole(value: object, least: int, most: int) -> bool:
    """Whether it is a whole number within bounds; `True` and `1.0` are none."""
    return type(value) is int and least <= value <= most


def _are_texts(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        return False
    try:
        "".join(value).encode()  # surrogates, of which each text has whole pairs or none
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """A value as it stands in a message: what is long, or holds others, by its kind."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value):,}"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return shortened(repr(value), _SHOWN)
