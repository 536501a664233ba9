"""Every place where a term stands in a text, as whole tokens, for millions of terms.

A trie over the numbers of words: a node is a sequence of words with which a term begins. All that
it holds is arrays, so it is made once and loaded by each process. Automata of libraries (Aho and
Corasick 1975) are built anew in each, which takes 5 to 8 s for 2,000,000 terms, and find
characters, of which tokens have to be made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

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

    roots: (word,) the node of each word that begins a term, -1 for others. edges: (edge,) the pairs
    of a node and the word that goes on from it, as `node * words + word`, ascending; children:
    (edge,) where they lead. follows: (word,) whether a word goes on from any node. first: (node +
    1,) where the terms that end at a node begin in `terms`.
    """

    NAMES: ClassVar = ("roots", "edges", "children", "follows", "first", "terms")

    roots: Ints
    edges: NDArray[np.int64]
    children: Ints
    follows: NDArray[np.uint8]
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
        edges, children = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        alive = np.arange(len(lengths))
        depth = 1
        while len(alive):
            is_whole = lengths[alive] == depth
            ends[alive[is_whole]] = node[is_whole]
            alive, node = alive[~is_whole], node[~is_whole]
            pairs = node * np.int64(count) + words[offsets[alive] + depth]
            distinct, node = np.unique(pairs, return_inverse=True)
            node = node + nodes
            edges.append(distinct)
            children.append(np.arange(nodes, nodes + len(distinct)))
            nodes += len(distinct)
            depth += 1
        # Nodes are numbered level by level, and so are their pairs: all are in order already.
        whole = np.concatenate(edges)
        follows = np.zeros(count, np.uint8)
        follows[whole % max(count, 1)] = 1
        first = np.zeros(nodes + 1, np.int32)
        np.cumsum(np.bincount(ends, minlength=nodes), out=first[1:])
        return cls(
            roots,
            whole,
            np.concatenate(children).astype(np.int32),
            follows,
            first,
            np.sort(ends << 32 | terms).astype(np.int32),  # the lower half
        )

    def find(self, words: Ints, sentence_ends: Positions) -> Places:
        """All places of all terms, also those that overlap.

        words: (token,) as numbers of the trie, -1 for words that it lacks; sentence_ends: (token,)
        where the sentence of each token ends, which no term crosses.
        """
        roots = np.append(self.roots, np.int32(_NONE))
        node: NDArray[Any] = roots[words]  # -1 is the last of them
        start: Positions = np.flatnonzero(node >= 0)
        node = node[start].astype(np.int64)
        found: list[tuple[Positions, Positions, Positions]] = []
        length = 0
        while len(start):
            length += 1
            counts = self.first[node + 1] - self.first[node]
            if counts.any():
                offsets = np.cumsum(counts) - counts
                within = np.arange(counts.sum()) - np.repeat(offsets, counts)
                term = self.terms[np.repeat(self.first[node], counts) + within].astype(np.int64)
                starts = np.repeat(start, counts)
                found.append((starts, starts + length, term))
            goes_on = start + length < sentence_ends[start]
            start, node = start[goes_on], node[goes_on]
            start, node = self._children(start, node, words[start + length])
        if not found:
            empty = np.zeros(0, np.int64)
            return Places(empty, empty, empty)
        places = Places(*map(np.concatenate, zip(*found, strict=True)))
        order = np.lexsort((places.term, places.end, places.start))
        return Places(*(column[order] for column in places))

    def _children(
        self, start: Positions, node: Positions, word: Ints
    ) -> tuple[Positions, Positions]:
        """Those of the starts whose node goes on with the word, and the node to which it leads."""
        if not len(self.edges):
            return start[:0], node[:0]
        # Of the words that stand behind others, most go on from no node: they need no search.
        may = np.flatnonzero((word >= 0) & (self.follows[word] > 0))
        pairs = node[may] * np.int64(len(self.roots)) + word[may]
        edge = np.minimum(np.searchsorted(self.edges, pairs), len(self.edges) - 1)
        is_edge = self.edges[edge] == pairs
        return start[may[is_edge]], self.children[edge[is_edge]].astype(np.int64)

    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """What it holds, by the names of its fields."""
        return {name: getattr(self, name) for name in self.NAMES}
