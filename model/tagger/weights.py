"""The trained numbers of a tagger as plain arrays, named once for file, training and extraction."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.tagger.crf import Potentials
from model.tagger.vocabulary import RESERVED
from schemas.records import Floats

# The large tables, which a file holds in half precision.
HALF_PRECISION = ("words", "vectors")


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
        _, character_features, filters = self.convolution_kernel.shape
        tables = (self.words, self.vectors, self.casing)
        features = sum(table.shape[1] for table in tables) + filters
        units, tags = self.units, len(self.dense_bias)
        expected = {
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
