"""Terms are found wherever they stand, and nowhere else: by brute force over the tokens."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.gazetteer.trie import Places, TermTrie

WORDS = 4
Words = list[int]
term_lists = st.lists(st.lists(st.integers(0, WORDS - 1), min_size=1, max_size=4), max_size=12)
texts = st.lists(st.lists(st.integers(-1, WORDS - 1), min_size=1, max_size=12), max_size=4)


def built(terms: Sequence[Words]) -> TermTrie:
    flat = np.array([word for term in terms for word in term], np.int32)
    lengths = np.array(list(map(len, terms)), np.int32)
    return TermTrie.build(flat, lengths, np.arange(len(terms)), WORDS)


def find(trie: TermTrie, words: Words, ends: NDArray[np.int64]) -> Places:
    """Words in a text as distinct ones and places."""
    distinct, places = np.unique(np.array(words, np.int32), return_inverse=True)
    return trie.find(distinct, places.astype(np.int32), ends)


@given(terms=term_lists, sentences=texts)
def test_all_places_of_all_terms_are_found(terms: list[Words], sentences: list[Words]) -> None:
    words = [word for sentence in sentences for word in sentence]
    ends = np.repeat(
        np.cumsum(list(map(len, sentences)), dtype=np.int64), list(map(len, sentences))
    )
    found = find(built(terms), words, ends)
    expected = [
        (start, start + len(term), number)
        for start in range(len(words))
        for number, term in enumerate(terms)
        if words[start : start + len(term)] == term and start + len(term) <= ends[start]
    ]
    assert list(zip(*map(np.ndarray.tolist, found), strict=True)) == sorted(expected)


def test_words_that_no_term_has_are_none_of_its() -> None:
    """Also not where their number and that of a node come to another pair's."""
    trie = built([[0, 3], [1]])
    ends = np.full(3, 3, np.int64)
    assert not len(find(trie, [0, -1, -1], ends).start)
