"""The network in C: the weights in the order in which it reads them, and the table of words."""

import numpy as np

from model.tagger.compiled.library import Library, count, filled, pointer
from model.tagger.encoding import EncodedWords
from model.tagger.vocabulary import UNKNOWN
from model.tagger.weights import TaggerWeights, gate_factors, reorder_gates
from model.tagger.word_table import WordRows
from schemas.records import Bucket, Flags, Floats, Ints

# Windows that advance side by side: their states and those of a step before stay in the cache.
_GROUP = 48


class CompiledNetwork:
    """Weights, and a table for the rows of `words` distinct words."""

    def __init__(self, weights: TaggerWeights, words: int, library: Library) -> None:
        self.capacity = words
        self.filters = len(weights.convolution_bias)
        self.features = weights.lstm_kernel.shape[1]
        self._library, self._units = library, weights.units
        self._words, self._vectors, self._casing = weights.words, weights.vectors, weights.casing
        self._padded_units = library.padded(weights.units)
        padded_filters, padded_tags = map(library.padded, (self.filters, len(weights.dense_bias)))

        # What each character adds to the convolution, from each place that a filter spans.
        parts = weights.characters @ weights.convolution_kernel  # (width, character, filter)
        self._parts = filled((*parts.shape[:2], padded_filters), parts)
        self._filter_bias = filled((padded_filters,), weights.convolution_bias)

        # The states are twice the hidden state, as in the graph: hence 0.5 where they are read.
        gates = gate_factors(weights.units)
        kernel, bias, recurrent = (
            self._in_blocks(reorder_gates(array) * gates)
            for array in (weights.lstm_kernel, weights.lstm_bias, weights.lstm_recurrent)
        )
        # (feature, direction * 4 * units), so that one product gives whole rows of the table
        self._kernel = self._by_block(np.concatenate(kernel, axis=-1))
        self._bias = np.concatenate(bias, axis=-1)
        self._rows = np.empty((words, len(self._bias)), np.float32)
        size = self._padded_units
        recurrent = filled((2, size, 4 * size), recurrent * np.float32(0.5))
        self._recurrent = self._by_block(recurrent)
        dense = weights.dense_kernel.reshape(2, weights.units, -1) * np.float32(0.5)
        self._dense = filled((2, size, padded_tags), dense)
        self._dense_bias = filled((padded_tags,), weights.dense_bias)

    def _in_blocks(self, gates: Floats) -> Floats:
        """(..., 4 * units) by gates -> by blocks of a vector's units, and within one by gates."""
        width, size = self._library.width, self._padded_units
        each = gates.reshape(*gates.shape[:-1], 4, self._units)
        each = filled((*each.shape[:-1], size), each)
        blocks = np.moveaxis(each.reshape(*each.shape[:-1], size // width, width), -3, -2)
        return blocks.reshape(*gates.shape[:-1], 4 * size)

    def _by_block(self, weights: Floats) -> Floats:
        """(..., input, output) -> (..., block of 4 vectors, input, output of the block)."""
        *before, inputs, outputs = weights.shape
        width = 4 * self._library.width
        blocks = weights.reshape(*before, inputs, outputs // width, width)
        return np.ascontiguousarray(blocks.swapaxes(-2, -3))

    def store(self, encoded: EncodedWords, positions: Ints) -> None:
        """Compute the rows of words, and put them at `positions` of the table."""
        characters = np.ascontiguousarray(encoded.characters)
        found = np.empty((len(characters), len(self._filter_bias)), np.float32)
        self._library.convolve(
            pointer(self._parts),
            len(self._parts),
            count(self._parts.shape[1]),
            pointer(characters),
            *map(count, characters.shape),
            pointer(self._filter_bias),
            len(self._filter_bias),
            pointer(found),
        )
        ids = encoded.word_ids
        trained = np.where(ids < len(self._words), ids, UNKNOWN)
        inputs = np.concatenate(
            [
                self._words[trained],
                self._vectors[ids],
                found[:, : self.filters],
                self._casing[encoded.casing],
            ],
            axis=1,
        )  # (word, feature)
        self._library.project(
            pointer(inputs),
            count(len(inputs)),
            inputs.shape[1],
            pointer(self._kernel),
            pointer(self._bias),
            len(self._bias),
            pointer(np.ascontiguousarray(positions)),
            pointer(self._rows),
        )

    def blank(self, tokens: int) -> Floats:
        """Where `emit` puts the emissions of so many tokens: (token, tag), and padding behind."""
        return np.empty((tokens, len(self._dense_bias)), np.float32)

    def emit(self, bucket: Bucket, rows: WordRows, emissions: Floats, unknown: Flags) -> None:
        """As `Network.emit` says."""
        scratch = np.empty((3, _GROUP, self._padded_units), np.float32)
        self._library.emit(
            pointer(self._rows),
            pointer(rows.positions),
            pointer(rows.known),
            pointer(bucket.words),
            *map(count, bucket.words.shape),
            *map(pointer, (bucket.lengths, bucket.first, bucket.keep_from, bucket.keep_to)),
            pointer(self._recurrent),
            pointer(self._dense),
            pointer(self._dense_bias),
            pointer(emissions),
            pointer(unknown),
            self._padded_units,
            len(self._dense_bias),
            pointer(scratch),
            _GROUP,
        )
