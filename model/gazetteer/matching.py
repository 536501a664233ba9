"""A gazetteer: users' terms, found in the tokens of a batch, with what each says of its places."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.gazetteer.trie import TermTrie
from model.text.composition import composed
from schemas.records import Ints, Positions

ANY = -1  # label of a term that forbids all of them

_LABELS = b"labels"
_COLUMNS = ("texts", "ids", "label", "policy")


def folded(word: str) -> str:
    """A word as it is looked up where its case does not count: `Straße` is `STRASSE`."""
    return word.lower() if word.isascii() else composed(composed(word).casefold())


# How words are spelled for terms whose case counts, and for those whose case does not.
SPELLINGS: Mapping[str, Callable[[str], str]] = {"exact": composed, "folded": folded}


def spelled(words: pa.Array, spelling: str) -> pa.Array:
    """The same for many words: few of a list have another character than ASCII's."""
    is_plain = pc.string_is_ascii(words)
    plain = pc.ascii_lower(words) if SPELLINGS[spelling] is folded else words
    others = words.filter(pc.invert(is_plain)).to_pylist()
    return pc.replace_with_mask(
        plain, pc.invert(is_plain), pa.array(map(SPELLINGS[spelling], others), pa.string())
    )


class Matches(NamedTuple):
    """Where terms stand in a batch, in order of start, end, and of who goes before whom there.

    That is a term whose case counts, and among such the one that is listed first.
    """

    start: Positions  # (match,) tokens
    end: Positions  # (match,) half-open
    term: Positions  # (match,)


@dataclass(frozen=True)
class TermFinder:
    """The terms of one kind; words: those that they have, in their spelling."""

    spelling: str
    words: pa.Array
    trie: TermTrie


@dataclass(frozen=True, eq=False)
class Gazetteer:
    """Terms, and what they say of where they stand.

    texts, ids: (term,) as they are listed; an empty id is none. labels: the distinct ones, sorted;
    label: (term,) its position there, -1 for any; policy: (term,) in POLICIES.
    """

    texts: pa.Array
    ids: pa.Array
    labels: tuple[str, ...]
    label: Ints
    policy: NDArray[np.uint8]
    finders: Sequence[TermFinder]  # of each spelling; the terms of the first go before others

    def __len__(self) -> int:
        return len(self.policy)

    def numbers(self, words: Sequence[str]) -> Ints:
        """What each word of texts is to each finder, (finder, word); -1 where no term has it.

        To spell a word takes as long as to look up ten: callers keep what is found.
        """
        found = [[known.get(spell(word), -1) for word in words] for known, spell in self._known]
        return np.array(found, np.int32).reshape(len(self.finders), len(words))

    def find(self, numbers: Ints, words: Ints, lengths: Ints) -> Matches:
        """All matches in sentences of these lengths, also those that overlap.

        numbers: those of distinct words, as `numbers` gives them; words: (token,) places there.
        """
        ends = np.repeat(np.cumsum(lengths, dtype=np.int64), lengths)
        found = [
            finder.trie.find(own, words, ends)
            for finder, own in zip(self.finders, numbers, strict=True)
        ]
        start, end, term = map(np.concatenate, zip(*found, strict=True))
        kind = np.repeat(np.arange(len(found)), [len(places.start) for places in found])
        order = np.lexsort((term, kind, end, start))
        return Matches(start[order], end[order], term[order])

    @cached_property
    def _known(self) -> Sequence[tuple[Mapping[str, int], Callable[[str], str]]]:
        """The numbers of each finder's words, and how it spells those of texts."""
        return [
            (
                dict(zip(finder.words.to_pylist(), range(len(finder.words)), strict=True)),
                SPELLINGS[finder.spelling],
            )
            for finder in self.finders
        ]

    def write(self, sink: pa.NativeFile) -> None:
        """All of it as one Arrow file, which `decode` reads without making it anew."""
        columns = {name: pa.array(getattr(self, name)) for name in _COLUMNS}
        for finder in self.finders:
            columns[f"{finder.spelling}.words"] = finder.words
            for name, array in finder.trie.arrays().items():
                columns[f"{finder.spelling}.{name}"] = pa.array(array)
        one = {name: pa.ListArray.from_arrays([0, len(c)], c) for name, c in columns.items()}
        table = pa.table(one).replace_schema_metadata({_LABELS: json.dumps(self.labels)})
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    @classmethod
    def decode(cls, data: pa.Buffer) -> "Gazetteer":
        """The inverse of `write`; its arrays are those of the buffer."""
        table = pa.ipc.open_file(data).read_all()
        columns = {name: table[name].chunk(0).values for name in table.column_names}
        finders = [
            TermFinder(
                spelling,
                columns[f"{spelling}.words"],
                TermTrie(*(columns[f"{spelling}.{name}"].to_numpy() for name in TermTrie.NAMES)),
            )
            for spelling in SPELLINGS
        ]
        return cls(
            texts=columns["texts"],
            ids=columns["ids"],
            labels=tuple(json.loads(table.schema.metadata[_LABELS])),
            label=columns["label"].to_numpy(),
            policy=columns["policy"].to_numpy(),
            finders=finders,
        )
