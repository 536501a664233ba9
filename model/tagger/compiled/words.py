"""The distinct words of texts, in C: no word is a string that stands there for the second time."""

import ctypes
import os
from collections.abc import Sequence

import numpy as np

from model.tagger.compiled.library import Library, count, pointer
from schemas.records import Ints, Positions

# Chosen anew in each process, so that nobody can write words that all meet in one slot.
_KEY = int.from_bytes(os.urandom(8), "little")


def number_words(
    text: str, starts: Positions, ends: Positions, library: Library
) -> tuple[Sequence[str], Ints]:
    """The distinct words in the order in which they first stand there, and the number of each word.

    starts, ends: (token,), of the words in code points of the text.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    tokens = len(starts)
    slots = np.full(1 << (2 * tokens).bit_length(), -1, np.int32)
    numbers, first = np.empty(tokens, np.int32), np.empty(tokens, np.int32)
    distinct = library.number_words(
        pointer(codes),
        pointer(starts),
        pointer(ends),
        count(tokens),
        ctypes.c_uint64(_KEY),
        pointer(slots),
        count(len(slots)),
        pointer(numbers),
        pointer(first),
    )
    their = first[:distinct]
    bounds = zip(starts[their].tolist(), ends[their].tolist(), strict=True)
    return [text[start:end] for start, end in bounds], numbers
