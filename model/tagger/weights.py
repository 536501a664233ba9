"""The trained numbers of a tagger as plain arrays, named once for file, training and extraction."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.tagger.crf import Potentials
from model.tagger.encoding import CASINGS
from model.tagger.vocabulary import RESERVED
from model.tags import TagSet
from schemas.records import Floats

# The large tables, which a file holds in half precision.
HALF_PRECISION = ("words", "vectors")

# The largest weight of a model. Those of trained ones stay below 10; a training that went astray
# leaves larger ones, or none that are numbers. Of weights within it, no score can leave float32,
# which goes up to 3e38: what the LSTM reads of a word is a sum, over features, characters and
# filters (10,000 million of them at most), of products of three weights, so below 1e22; its state
# is within 1 whatever that is; and an emission is a sum over units of products of two.
LARGEST = 10_000.0
# The largest weight of the CRF's own, divided by the temperature; those of trained models stay
# below 10. They are summed as exp(weight) * exp(score) where the score is up to 500 below the best,
# and exp(-708) is the smallest that float64 holds with all its digits.
LARGEST_POTENTIAL = 200.0


@dataclass(frozen=True, slots=True, eq=False)
class TaggerWeights:
    """Weights in Keras's conventions (LSTM gates in the order i, f, c, o; direction 0 forward).

    Raises ValueError where shapes do not fit each other.
    """

    words: Floats  # (trained word id, embedding)
    vectors: Floats  # (word id, vector): pretrained, also of words that training never saw
    casing: Floats  # (casing, casing feature)
    characters: Floats  # (character id, character feature)
    convolution_kernel: Floats  # (width, character feature, filter)
    convolution_bias: Floats  # (filter,)
    lstm_kernel: Floats  # (direction, feature, 4 * units)
    lstm_recurrent: Floats  # (direction, units, 4 * units)
    lstm_bias: Floats  # (direction, 4 * units)
    dense_kernel: Floats  # (2 * units, tag)
    dense_bias: Floats  # (tag,)
    start: Floats  # (tag,) -inf where illegal
    transitions: Floats  # (tag, tag) from, to
    end: Floats  # (tag,)

    def __post_init__(self) -> None:
        for name, dimensions in _DIMENSIONS.items():
            shape = getattr(self, name).shape
            if len(shape) != dimensions or (0 in shape and name != "vectors"):
                raise ValueError(f"weight {name} has shape {shape}, expected {dimensions} sizes")
        _, character_features, filters = self.convolution_kernel.shape
        tables = (self.words, self.vectors, self.casing)
        features = sum(table.shape[1] for table in tables) + filters
        units, tags = self.units, len(self.dense_bias)
        expected = {
            "casing": (CASINGS, self.casing.shape[1]),
            "characters": (len(self.characters), character_features),
            "convolution_bias": (filters,),
            "lstm_kernel": (2, features, 4 * units),
            "lstm_recurrent": (2, units, 4 * units),
            "lstm_bias": (2, 4 * units),
            "dense_kernel": (2 * units, tags),
            "start": (tags,),
            "transitions": (tags, tags),
            "end": (tags,),
        }
        if not RESERVED <= len(self.words) <= len(self.vectors):
            raise ValueError(f"{len(self.words)} trained words, {len(self.vectors)} in all")
        for name, shape in expected.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"weight {name} has shape {found}, expected {shape}")

    @property
    def units(self) -> int:
        return int(self.lstm_recurrent.shape[1])

    def require_sound(self, tags: TagSet, temperature: float) -> None:
        """Raise ValueError where scores of some text could be anything but finite numbers.

        Where the tags' scheme forbids a sequence its weight is -inf, and nowhere else.
        """
        legal = {
            "start": tags.legal_start,
            "transitions": tags.legal_transition,
            "end": tags.legal_end,
        }
        for name, array in self.arrays().items():
            numbers, largest = array, LARGEST
            if name in legal:
                is_illegal = array == -np.inf
                if not np.array_equal(is_illegal, ~legal[name]) or np.isnan(array).any():
                    raise ValueError(
                        f"weights forbid other sequences of tags than {tags.scheme} does"
                    )
                numbers, largest = array[legal[name]], LARGEST_POTENTIAL * temperature
            # Neither holds where one of them is no number.
            least, most = numbers.min(initial=0.0), numbers.max(initial=0.0)
            if not (-largest <= least and most <= largest):
                extreme = most if -largest <= least else least
                raise ValueError(
                    f"weight {name} holds {extreme:g}, expected -{largest:,g} to {largest:,g}"
                )

    def as_stored(self) -> "TaggerWeights":
        """The weights as they come back from a file: tables of words rounded to half precision."""
        halves = {name: getattr(self, name).astype(np.float16) for name in HALF_PRECISION}
        return replace(self, **{name: half.astype(np.float32) for name, half in halves.items()})

    def tempered(self, temperature: float) -> "TaggerWeights":
        """The weights whose CRF scores every tag sequence with its score divided by `temperature`.

        Emissions are linear in the dense layer's weights, so dividing these divides the emissions.
        """
        scored = ("dense_kernel", "dense_bias", "start", "transitions", "end")
        t = np.float32(temperature)
        return replace(self, **{name: getattr(self, name) / t for name in scored})

    def potentials(self) -> Potentials:
        """The CRF's own weights in the precision in which they are summed."""
        return Potentials(
            *(scores.astype(np.float64) for scores in (self.start, self.transitions, self.end))
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name -> array, in the order of the fields."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def reorder_gates(weights: Floats) -> Floats:
    """Keras's gate order i, f, c, o on the last axis -> i, f, o, c."""
    i, f, c, o = np.split(weights, 4, axis=-1)
    return np.concatenate([i, f, o, c], axis=-1)


def gate_factors(units: int) -> Floats:
    """What turns the inputs of the gates i, f, o, c into inputs of tanh, (4 * units,).

    sigmoid(x) is (tanh(x / 2) + 1) / 2.
    """
    return np.repeat(np.array([0.5, 0.5, 0.5, 1.0], np.float32), units)


_DIMENSIONS = {
    **dict.fromkeys(("words", "vectors", "casing", "characters", "dense_kernel", "transitions"), 2),
    **dict.fromkeys(("convolution_kernel", "lstm_kernel", "lstm_recurrent"), 3),
    **dict.fromkeys(("convolution_bias", "dense_bias", "start", "end"), 1),
    "lstm_bias": 2,
}
