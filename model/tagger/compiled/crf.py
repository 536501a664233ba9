"""The CRF in C: the most probable tags, and the probabilities of spans."""

import ctypes

import numpy as np
from numpy.typing import NDArray

from model.tagger.compiled.library import Library, count, filled, pointer
from model.tagger.crf import Potentials, Scores, TokenSpans
from model.tagger.span_posteriors import SMALLEST, posteriors_in_logs
from model.tags import SpanTags
from schemas.records import Floats, Ints


class CompiledCrf:
    """The weights of a CRF as the library reads them."""

    def __init__(self, potentials: Potentials, span_tags: SpanTags, library: Library) -> None:
        self.potentials, self.span_tags = potentials, span_tags
        self._library = library
        self._tags = tags = len(potentials.start)
        self._padded = padded = library.padded(tags, doubles=True)
        self._transitions = filled((tags, padded), potentials.transitions, -np.inf)
        start, end = np.exp(potentials.start), np.exp(potentials.end)
        weights = np.exp(potentials.transitions)
        self._start, self._end = filled((padded,), start), filled((padded,), end)
        self._into, self._onto = filled((tags, padded), weights), filled((tags, padded), weights.T)
        self._places = [np.asarray(tags, np.int32) for tags in span_tags]
        self._reachable = _reachable(potentials)  # (steps, tag)

    def decode(self, emissions: Floats, lengths: Ints) -> Ints:
        """The most probable tag of every token, (token,), as `model.tagger.crf.decode`."""
        found = np.empty(len(emissions), np.int32)
        if not len(lengths):
            return found
        scores = np.empty((_longest(lengths), self._padded))
        rows, stride = _rows(emissions)
        self._library.decode(
            rows,
            stride,
            pointer(lengths),
            count(len(lengths)),
            pointer(self.potentials.start),
            pointer(self._transitions),
            pointer(self.potentials.end),
            self._tags,
            self._padded,
            pointer(scores),
            pointer(found),
        )
        return found

    def posteriors(self, emissions: Floats, lengths: Ints, spans: TokenSpans) -> Scores:
        """Probability of exactly each span, in order, as `model.tagger.span_posteriors`."""
        found = np.empty(len(spans.start))
        if not len(found):
            return found
        rows, stride = _rows(emissions)
        doubtful = np.empty(len(found), bool)
        scratch = np.empty((3, _longest(lengths) + 1, self._padded))
        self._library.posteriors(
            rows,
            stride,
            pointer(lengths),
            count(len(lengths)),
            *map(pointer, (self._start, self._into, self._onto, self._end)),
            self._tags,
            self._padded,
            pointer(self._reachable),
            len(self._reachable),
            *(pointer(np.ascontiguousarray(column)) for column in spans),
            count(len(found)),
            *map(pointer, self._places),
            ctypes.c_double(SMALLEST),
            *map(pointer, scratch),
            pointer(found),
            pointer(doubtful),
        )
        again = np.flatnonzero(doubtful)
        if len(again):
            few = TokenSpans(*(column[again] for column in spans))
            found[again] = posteriors_in_logs(
                self.potentials, emissions, lengths, few, self.span_tags
            )
        return found


def _rows(emissions: Floats) -> tuple[ctypes.c_void_p, int]:
    """Where emissions are, (token, tag), and how many numbers lie between two rows."""
    size = emissions.itemsize
    stride = emissions.strides[0] // size if len(emissions) > 1 else emissions.shape[1]
    if emissions.dtype != np.float32 or emissions.strides[1] != size or stride * size < 0:
        raise ValueError("emissions are no rows of float32")
    return emissions.ctypes.data_as(ctypes.c_void_p), stride


def _longest(lengths: Ints) -> int:
    if lengths.min() < 1:
        raise ValueError("a sentence without tokens has no tag sequence")
    return int(lengths.max())


def _reachable(potentials: Potentials) -> NDArray[np.bool_]:
    """Which tags a sequence can have at its first token, its second and so on, (step, tag).

    The last row holds for all that follow, which are the same from some step on.
    """
    legal = potentials.transitions > -np.inf
    steps = [potentials.start > -np.inf]
    while True:
        following = legal[steps[-1]].any(axis=0)
        again = next((n for n, step in enumerate(steps) if np.array_equal(step, following)), None)
        if again is not None:
            steps.append(np.logical_or.reduce(steps[again:]))  # one step, but for odd schemes
            return np.array(steps)
        steps.append(following)
