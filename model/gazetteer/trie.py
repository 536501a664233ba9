"""Every place where a term stands in a text, as whole tokens, for millions of terms.

A trie over the numbers of words: a node is a sequence of words with which a term begins. All that
it holds is arrays, so it is made once and loaded by each process. Automata of libraries (Aho and
Corasick 1975) are built anew in each, which takes 5 to 8 s for 2,000,000 terms, and find
characters, of which tokens have to be made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.records import Ints, Positions

_NONE = -1


class Places(NamedTuple):
    """Where terms stand, in order of their starts, then of their lengths."""

    start: Positions  # (place,) tokens
    end: Positions  # (place,) half-open
    term: Positions  # (place,)


@dataclass(frozen=True, slots=True, eq=False)
class TermTrie:
    """The nodes of a trie; node 0 and those after it are of one word, children come after parents.

    roots: (word,) the node of each word that begins a term, -1 for others. pairs: (slot,) a hash
    table of the pairs of a node and the word that goes on from it, as `node * words + word`, -1 in
    empty slots; children: (slot,) where they lead. first: (node + 1,) where the terms that end at a
    node begin in `terms`.
    """

    NAMES: ClassVar = ("roots", "pairs", "children", "first", "terms")

    roots: Ints
    pairs: NDArray[np.int64]
    children: Ints
    first: Ints
    terms: Ints

    @classmethod
    def build(cls, words: Ints, lengths: Ints, terms: Positions, count: int) -> "TermTrie":
        """The trie of terms that have these numbers, ascending, and are of these words.

        words: those of all terms end to end, as numbers below `count`; lengths: (term,) how many
        each has, at least one.
        """
        offsets = np.cumsum(lengths, dtype=np.int64) - lengths
        roots = np.full(count, _NONE, np.int32)
        begun = np.flatnonzero(np.bincount(words[offsets], minlength=count))
        roots[begun] = np.arange(len(begun))
        node = roots[words[offsets]].astype(np.int64)
        nodes = len(begun)
        ends = np.empty(len(lengths), np.int64)  # (term,) the node at which it ends
        levels = [np.zeros(0, np.int64)]  # the pairs, whose children are numbered in their order
        alive = np.arange(len(lengths))
        depth = 1
        while len(alive):
            is_whole = lengths[alive] == depth
            ends[alive[is_whole]] = node[is_whole]
            alive, node = alive[~is_whole], node[~is_whole]
            pairs = node * np.int64(count) + words[offsets[alive] + depth]
            distinct, node = np.unique(pairs, return_inverse=True)
            node = node + nodes
            levels.append(distinct)
            nodes += len(distinct)
            depth += 1
        table, slots = _hash_table(np.concatenate(levels))
        children = np.zeros(len(table), np.int32)
        children[slots] = np.arange(len(begun), nodes)
        first = np.zeros(nodes + 1, np.int32)
        np.cumsum(np.bincount(ends, minlength=nodes), out=first[1:])
        return cls(
            roots,
            table,
            children,
            first,
            np.sort(ends << 32 | terms).astype(np.int32),  # the lower half
        )

    def find(self, numbers: Ints, words: Ints, sentence_ends: Positions) -> Places:
        """All places of all terms, also those that overlap.

        numbers: (word,) of the distinct words, -1 for those that it lacks; words: (token,) places
        there; sentence_ends: (token,) where the sentence of each token ends, which no term crosses.
        """
        empty = np.zeros(0, np.int64)
        if not len(self.terms):
            return Places(empty, empty, empty)
        begun = np.where(numbers >= 0, self.roots[numbers], _NONE)
        start: Positions = np.flatnonzero((begun >= 0)[words])
        node = begun[words[start]].astype(np.int64)
        found: list[tuple[Positions, Positions, Positions]] = []
        length = 0
        while len(start):
            length += 1
            first = self.first[node]
            counts = self.first[node + 1] - first
            ending = np.flatnonzero(counts)
            if len(ending):
                counts = counts[ending]
                shift = first[ending] - (np.cumsum(counts) - counts)
                listed = np.repeat(shift, counts) + np.arange(counts.sum())
                starts = np.repeat(start[ending], counts)
                found.append((starts, starts + length, self.terms[listed].astype(np.int64)))
            goes_on = start + length < sentence_ends[start]
            start, node = start[goes_on], node[goes_on]
            start, node = self._children(start, node, numbers[words[start + length]])
        if not found:
            return Places(empty, empty, empty)
        places = Places(*map(np.concatenate, zip(*found, strict=True)))
        order = np.lexsort((places.term, places.end, places.start))
        return Places(*(column[order] for column in places))

    def _children(
        self, start: Positions, node: Positions, word: Ints
    ) -> tuple[Positions, Positions]:
        """Those of the starts whose node goes on with the word, and the node to which it leads."""
        known = np.flatnonzero(word >= 0)
        slots = _slots_of(self.pairs, node[known] * np.int64(len(self.roots)) + word[known])
        is_edge = slots != _NONE
        return start[known[is_edge]], self.children[slots[is_edge]].astype(np.int64)

    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """What it holds, by the names of its fields."""
        return {name: getattr(self, name) for name in self.NAMES}


def _hash_table(keys: Positions) -> tuple[Positions, Positions]:
    """Distinct numbers from 0 on in, a table of them and the slot of each out.

    With open addressing and linear probing (Knuth 1998, section 6.4), at most two thirds full.
    """
    table = np.full(1 << max((3 * len(keys) // 2).bit_length(), 1), _NONE, np.int64)
    slots = _first_slots(table, keys)
    left = np.arange(len(keys))
    while len(left):
        free = left[table[slots[left]] == _NONE]
        table[slots[free]] = keys[free]  # of those that meet in a slot, one gets it
        left = left[table[slots[left]] != keys[left]]
        slots[left] = (slots[left] + 1) & (len(table) - 1)
    return table, slots


def _slots_of(table: Positions, keys: Positions) -> Positions:
    """The slot of each of the keys, -1 for those that the table lacks."""
    slots = _first_slots(table, keys)
    left = np.arange(len(keys))
    while len(left):
        held = table[slots[left]]
        slots[left[held == _NONE]] = _NONE
        left = left[(held != _NONE) & (held != keys[left])]
        slots[left] = (slots[left] + 1) & (len(table) - 1)
    return slots


def _first_slots(table: Positions, keys: Positions) -> Positions:
    """Where each of the keys would like to be: the first bits of its product with the golden ratio.

    As a share of 2 ** 64, so that numbers that follow each other fall far apart.
    """
    hashed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (hashed >> np.uint64(65 - len(table).bit_length())).astype(np.int64)
