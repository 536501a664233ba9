"""How a tagger is built and fitted; fields are called as the flags are, and as in Keras.

What a field means stands in its metadata under "help", and its bound under "bound".
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from model.tags import SCHEMES
from schemas.errors import UsageError

# What training logs at the end of an epoch.
MONITORED = ("loss", "val_f1", "val_loss", "val_precision", "val_recall")

Value = TypeVar("Value")


class Bound(NamedTuple):
    """Which values an argument may have: in words, and as a question."""

    expected: str
    holds: Callable[[Any], bool]


_ANY = Bound("anything", lambda _: True)
_FROM_0 = Bound("at least 0", lambda value: value >= 0)
_FROM_1 = Bound("at least 1", lambda value: value >= 1)
_ABOVE_0 = Bound("more than 0", lambda value: value > 0)
_BELOW_1 = Bound("at least 0 and below 1", lambda value: 0 <= value < 1)
_SHARE = Bound("from 0 to 1", lambda value: 0 <= value <= 1)
_SEED = Bound(f"from 0 to {2**32 - 1}", lambda value: 0 <= value < 2**32)  # numpy's
_SCHEME = Bound(f"one of {', '.join(SCHEMES)}", SCHEMES.__contains__)
_MONITORED = Bound(f"one of {', '.join(MONITORED)}", MONITORED.__contains__)
_MODE = Bound("auto, max or min", ("auto", "max", "min").__contains__)
_VERBOSITY = Bound("0, 1 or 2", range(3).__contains__)


def _setting(default: Value, text: str, bound: Bound = _ANY, **more: object) -> Value:
    value: Value = field(default=default, metadata={"help": text, "bound": bound, **more})
    return value


def _automatic(usual: Value, text: str, bound: Bound) -> Value:
    """A setting that follows the data unless it is set (`model.training.automatic`)."""
    return _setting(usual, text, bound, auto=True)


def refused(argument: str, problem: str) -> UsageError:
    """The error for an argument, under the name of its flag, as whoever set it knows it."""
    return UsageError(f"--{argument} {problem}")


class _Bounded:
    """Raises UsageError naming a value that is off."""

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]  # those below are dataclasses
            value, bound = getattr(self, each.name), each.metadata["bound"]
            if not bound.holds(value):
                raise refused(each.name, f"is {value}, expected {bound.expected}")


@dataclass(frozen=True)
class NetworkConfig(_Bounded):
    """Sizes and regularisation of the network. Raises UsageError naming a value that is off."""

    embedding_size: int = _automatic(100, "of the word embedding", _FROM_1)
    character_size: int = _automatic(24, "of the character embedding", _FROM_1)
    character_filters: int = _automatic(48, "of the character convolution", _FROM_1)
    character_width: int = _setting(3, "characters that a filter spans", _FROM_1)
    casing_size: int = _setting(8, "of the casing embedding", _FROM_1)
    units: int = _automatic(100, "LSTM units per direction", _FROM_1)
    dropout: float = _automatic(0.5, "share of the LSTM's output dropped", _BELOW_1)
    input_dropout: float = _automatic(0.3, "share of the words' features dropped", _BELOW_1)
    recurrent_dropout: float = _setting(0.2, "share of the LSTM's state dropped", _BELOW_1)
    word_dropout: float = _automatic(0.03, "share of words left without vectors", _BELOW_1)
    kernel_initializer: str = _setting("glorot_uniform", "a Keras initializer")


@dataclass(frozen=True)
class TrainingConfig(_Bounded):
    """How the network is fitted. Raises UsageError naming a value that is off."""

    scheme: str = _automatic("BIO", "of the tags: BIO or BIOES", _SCHEME)
    batch_size: int = _automatic(64, "sentences a step", _FROM_1)
    epochs: int = _automatic(6, "passes over the sentences", _FROM_1)
    optimizer: str = _setting("adam", "a Keras optimizer")
    learning_rate: float = _automatic(0.004, "once warm; it falls linearly", _ABOVE_0)
    warm_up: float = _automatic(0.1, "share of the steps until then", _SHARE)
    final_rate: float = _setting(0.1, "share of the rate at the last step", _SHARE)
    clipnorm: float = _setting(5.0, "largest norm of the whole gradient", _ABOVE_0)
    average_decay: float = _setting(0.998, "of the averaged weights; 0: none", _BELOW_1)
    min_word_count: int = _setting(1, "rarer words are unknown words", _FROM_1)
    vocabulary_size: int = _setting(400_000, "words kept in all", _FROM_0)
    unknown_rate: float = _automatic(0.5, "seen n times: unknown by r / (r + n)", _FROM_0)
    monitor: str = _setting("val_f1", "the value that decides what is kept", _MONITORED)
    mode: str = _setting("auto", "max or min is best; auto: by its name", _MODE)
    save_best_only: bool = _setting(default=True, text="true: the best epoch, false: the last")
    patience: int = _automatic(0, "epochs without a better one; 0: all", _FROM_0)
    max_minutes: float = _setting(0.0, "end training then; 0: when done", _FROM_0)
    verbose: int = _setting(1, "0 none, 1 redrawn, 2 a line an epoch", _VERBOSITY)
    seed: int = _setting(1, "same seed, same weights", _SEED)

    @property
    def best(self) -> str:
        """Whether the best monitored value is the largest (max) or the smallest (min).

        Keras's own "auto" would take the smallest `val_f1` for the best.
        """
        if self.mode != "auto":
            return self.mode
        return "min" if self.monitor.endswith("loss") else "max"


@dataclass(frozen=True)
class Step:
    """Trainings that come before another: when they end, by `time.monotonic`, and where they are.

    folder: new or of these very trainings, which are not done again. title: begins their lines of
    progress.
    """

    deadline: float | None = None
    folder: Path | None = None
    title: str = ""


@dataclass(frozen=True)
class EpochLog:
    """Where a training leaves its traces.

    directory: for `epochs.csv` and TensorBoard's events. state_file: written after each epoch, for
    a training to go on from. resumed: such a file of an earlier process. steps: a folder for what
    comes before that training, such as a cross-validation, which is not done again where it is
    there. deadline: when training ends, by `time.monotonic`.
    """

    directory: Path | None = None
    state_file: Path | None = None
    resumed: Path | None = None
    steps: Path | None = None
    deadline: float | None = None

    def step(self, name: str, share: float = 1.0, title: str = "") -> Step:
        """The step of this name, which may take that share of the time that is left."""
        now = time.monotonic()
        until = None if self.deadline is None else now + share * (self.deadline - now)
        return Step(until, self.steps and self.steps / name, title)
