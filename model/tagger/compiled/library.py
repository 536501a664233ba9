"""The compiled library: found beside this, with the functions of the processor's own vectors."""

import ctypes
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FILE = Path(__file__).with_name("kernel.so")


@dataclass(frozen=True)
class Library:
    """Functions as the headers describe them, for vectors of `width` floats."""

    width: int
    convolve: Any
    project: Any
    emit: Any
    decode: Any
    posteriors: Any
    number_words: Any

    def padded(self, count: int, *, doubles: bool = False) -> int:
        """The next number of floats, or of doubles, that fills whole vectors."""
        width = self.width // 2 if doubles else self.width
        return -(-count // width) * width


@cache
def find_library(width: int | None = None) -> Library | None:
    """The library, if the package was built with it and it can be loaded here.

    width: floats of a vector, for fewer than the processor has.
    """
    try:
        loaded = ctypes.CDLL(str(_FILE))
    except OSError:  # built without a compiler, or for another platform
        return None
    width = width or int(loaded.widest())
    names = (each.name for each in fields(Library) if each.name != "width")
    found = Library(width, **{name: getattr(loaded, f"{name}_{width}") for name in names})
    found.number_words.restype = ctypes.c_int64
    return found


def pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    """Where the numbers of an array are, which lie end to end and stay as long as this does."""
    if not array.flags.c_contiguous:
        raise ValueError("an array for the library has gaps")
    return array.ctypes.data_as(ctypes.c_void_p)


def count(number: int) -> ctypes.c_int64:
    """A number that may be above what C's int holds."""
    return ctypes.c_int64(number)


def filled(shape: tuple[int, ...], values: NDArray[Any], fill: float = 0.0) -> NDArray[Any]:
    """The values in the first places of a larger array of their type."""
    larger = np.full(shape, fill, values.dtype)
    larger[tuple(map(slice, values.shape))] = values
    return larger
