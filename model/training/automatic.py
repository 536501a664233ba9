"""Settings of a training that follow the data: what is taken where nobody chose, and why.

Tried on 100 to 1,000 sentences of newswire, abstracts and tweets, and on whole sets of these and of
Dutch newswire (4,600 to 38,000 sentences).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

_ROOTS = 5  # the root of the number of sentences, by this, is the size of a batch
_SMALLEST, _LARGEST = 8, 64
_STEPS = 6_000  # in all, as far as epochs may be few or many
_STEPS_OF_TEXT = 2_600  # found as much in text that taggers labelled, or more, in half the time
_FEWEST_EPOCHS, _MOST_EPOCHS = 8, 32
_FEW_STEPS, _MOST_OF_FEW = 800, 60  # so many epochs where the others would be fewer steps
_LONGEST_WARM_UP = 300
_RATE = 0.006  # of a batch of 8; by the fourth root of its size
_EPOCHS_AFTER_SILVER = 16  # at most
_RATE_AFTER_SILVER = 0.5  # of the usual one: more unlearns what silver taught
_MANY = 10_000  # sentences: more units find no more in 4,600 to 7,300, and more in 15,800
_FEW_LABELS = 4  # up to which BIOES was tried, and found more on whole sets

Value = TypeVar("Value", int, float, str)


@dataclass(frozen=True)
class DataSize:
    """How much there is to learn from, and how much is to be told apart.

    sentences: of gold, and of text that taggers of gold labelled; text: of the latter alone.
    silver: sentences that other teachers labelled, which are learnt from first.
    """

    sentences: int
    labels: int
    vectors: bool
    text: int = 0
    silver: int = 0


@dataclass(frozen=True)
class Choice:
    """The value of a setting, and why it is that."""

    value: float | str
    reason: str


def automatic(size: DataSize, given: Mapping[str, Any]) -> dict[str, Choice]:
    """What is chosen for data of this size, by the name of the setting, beside what is given."""
    chosen: dict[str, Choice] = {}

    def choose(name: str, value: Value, reason: str) -> Value:
        if name in given:
            set_value: Value = given[name]
            return set_value
        chosen[name] = Choice(value, reason)
        return value

    sentences = f"{size.sentences:,} sentences"
    if size.labels <= _FEW_LABELS:
        choose("scheme", "BIOES", f"up to {_FEW_LABELS} labels gain by it")
    else:
        choose("scheme", "BIO", f"BIOES was found better with up to {_FEW_LABELS} labels only")
    batch = choose("batch_size", batch_size_for(size.sentences), f"by the root of {sentences}")
    steps = math.ceil(size.sentences / batch)
    most = min(max(_FEW_STEPS / steps, _MOST_EPOCHS), _MOST_OF_FEW)
    in_all = _STEPS_OF_TEXT if size.text else _STEPS
    after = ""
    if size.silver:
        most, after = _EPOCHS_AFTER_SILVER, " and follows silver"
    epochs = choose(
        "epochs",
        round(min(max(in_all / steps, _FEWEST_EPOCHS), most)),
        f"at most; each has {steps:,} steps{after}",
    )
    choose("patience", max(3, math.ceil(epochs / 4)), "a quarter of the epochs")
    rate = rate_for(batch) * (_RATE_AFTER_SILVER if size.silver else 1)
    choose("learning_rate", round(rate, 4), f"for {batch:g} sentences a step{after}")
    share = round(min(0.1, _LONGEST_WARM_UP / (steps * epochs)), 4)
    choose("warm_up", share, f"a tenth, but no more than {_LONGEST_WARM_UP} steps")
    if size.vectors:
        choose("embedding_size", 8, "vectors know the words already")
    else:
        choose("embedding_size", 50, "no vectors know the words")
    choose("character_size", 24, "does for all data tried")
    choose("character_filters", 48, "does for all data tried")
    taught = size.sentences + size.silver
    if taught < _MANY:
        choose("units", 64, "more would need more sentences")
    else:
        choose("units", 128, f"for {taught:,} sentences; fewer are faster")
    choose("dropout", 0.5, "does for all data tried")
    choose("input_dropout", 0.3, "does for all data tried")
    choose("word_dropout", 0.03, "does for all data tried")
    choose("unknown_rate", 0.5, "does for all data tried")
    return chosen


def batch_size_for(sentences: int) -> int:
    """Sentences a step where there are so many: a power of two."""
    usual = math.sqrt(sentences) / _ROOTS
    return int(min(max(2.0 ** round(math.log2(usual)), _SMALLEST), _LARGEST))


def rate_for(batch_size: float) -> float:
    """The learning rate for so many sentences a step."""
    return round(_RATE * math.sqrt(math.sqrt(_SMALLEST / batch_size)), 4)
