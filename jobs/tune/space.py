"""What a search varies: flags of `jobs.train`, each with the values that it may take."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from pipeline.console.arguments import unknown_argument
from schemas.errors import UsageError

# Searched without --search, but for flags that are given; written as --search takes them.
DEFAULT_SPACE: Mapping[str, str] = {
    "learning_rate": "1e-3..2e-2:log",
    "batch_size": "8,16,32,64",
    "epochs": "5..60",
    "scheme": "BIO,BIOES",
    "units": "48,64,96,128",
    "embedding_size": "8,16,32,50,100",
    "character_filters": "32,48,64,96,128",
    "dropout": "0.3..0.6",
    "input_dropout": "0.1..0.6",
    "recurrent_dropout": "0..0.3",
    "word_dropout": "0..0.15",
    "unknown_rate": "0.1..2:log",
}

# Flags of training that cannot vary, and why: most of them, since figures of trials are worth
# comparing only where these are the same in all of them.
_NEVER_SEARCHED = {
    # Documents are cut by language and tokens.
    **dict.fromkeys(
        (
            *("train", "dev", "validation_split", "test", "vectors", "language", "tokens"),
            *("unlabelled", "input_format", "text_field", "encoding", "silver", "silver_labels"),
        ),
        "all trials share their data",
    ),
    **dict.fromkeys(("monitor", "mode"), "all trials share their measure"),
    **dict.fromkeys(("log_format", "verbose"), "it changes nothing but the log"),
    **dict.fromkeys(("output", "name", "check", "resume", "logs"), "it is the search's own"),
}

# From a flag and a text, the value as training would take it; raises UsageError as it would.
Typed = Callable[[str, str], object]


@dataclass(frozen=True)
class Choices:
    """One of some values, each as its flag takes it."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        return ",".join(self.values)

    def text(self, value: float | str) -> str:
        """The value as its flag takes it."""
        return str(value)

    def stored(self, value: object) -> str | None:
        """The choice that means `value`, as the study stores it; None where none does."""
        return str(value) if str(value) in self.values else None


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included; whole where both are ints.

    log: drawn evenly by its logarithm.
    """

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        return f"{self.low}..{self.high}" + (":log" if self.log else "")

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int)

    def text(self, value: float | str) -> str:
        """The value as its flag takes it, to three digits: more say nothing and are hard to read.

        It stays within the range.
        """
        if self.whole:
            return str(int(value))
        return repr(min(max(float(f"{float(value):.3g}"), self.low), self.high))

    def stored(self, value: object) -> float | None:
        """`value` as the study stores it; None where it is not in the range."""
        return value if _is_number(value) and self.low <= value <= self.high else None


Domain = Choices | Range


@dataclass(frozen=True)
class Search:
    """What makes the trials of a study comparable.

    settings: every flag of training that is fixed, with its text. space: the flags that vary.
    defaults: training's own values of these. monitor, mode: the figure, and whether the best is
    the largest (max) or the smallest (min).
    """

    settings: Mapping[str, str]
    space: Mapping[str, Domain]
    defaults: Mapping[str, object]
    monitor: str
    mode: str
    seed: int

    def described(self) -> dict[str, str]:
        searched = {flag: f"searched in {domain}" for flag, domain in self.space.items()}
        return {**self.settings, **searched}


def parse_space(specs: Iterable[str], known: Iterable[str], typed: Typed) -> dict[str, Domain]:
    """The domain of each flag from texts `FLAG=A,B,C`, `FLAG=LOW..HIGH` or `FLAG=LOW..HIGH:log`.

    known: the flags of training, as `--units`. Raises UsageError that names the text and what is
    wrong with it.
    """
    space: dict[str, Domain] = {}
    for spec in specs:
        flag, equals, values = spec.partition("=")
        try:
            if not equals or not flag:
                raise UsageError("expected FLAG=A,B,C or FLAG=LOW..HIGH or FLAG=LOW..HIGH:log")
            if f"--{flag}" not in known:
                raise UsageError(unknown_argument(f"--{flag}", known))
            if flag in _NEVER_SEARCHED:
                raise UsageError(f"--{flag} is not searched: {_NEVER_SEARCHED[flag]}")
            if flag in space:
                raise UsageError(f"--{flag} is searched twice")
            space[flag] = _range(flag, values, typed) or _choices(flag, values, typed)
        except UsageError as error:
            raise UsageError(f"--search {spec}: {error}") from error
    return space


def _range(flag: str, text: str, typed: Typed) -> Range | None:
    """The range that the text describes; None where it is none, or its ends are no numbers."""
    ends, _, log = text.partition(":")
    low_text, dots, high_text = ends.partition("..")
    if not (low_text and dots and high_text):
        return None
    low, high = typed(flag, low_text), typed(flag, high_text)
    if not _is_number(low) or not _is_number(high):
        return None
    if log not in ("", "log") or text.endswith(":"):
        raise UsageError(f"{log!r} is no scale, expected log or nothing")
    if not low < high:
        raise UsageError(f"{low} is not below {high}")
    if log and low <= 0:
        raise UsageError(f"a logarithmic range starts above 0, not at {low}")
    return Range(low, high, bool(log))


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _choices(flag: str, text: str, typed: Typed) -> Choices:
    values = [str(typed(flag, part)) for part in text.split(",")]
    if len(values) == 1:
        raise UsageError(f"one value is no choice: give --{flag}={text} instead")
    if len(set(values)) < len(values):
        raise UsageError("it names a value twice")
    return Choices(tuple(values))
