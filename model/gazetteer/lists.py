"""Users' lists in, one gazetteer out, with what is odd about them."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.gazetteer.matching import SPELLINGS, Gazetteer, TermFinder, spelled
from model.gazetteer.rows import POLICIES, read_rows
from model.gazetteer.terms import FORBID, RowNames, Terms, odd_terms, shown, terms_of
from model.gazetteer.trie import TermTrie
from model.text.escaping import shortened
from model.text.segmentation import Segmentation
from schemas.errors import UsageError
from schemas.records import Flags, Positions

# What programs name lists by.
ListFiles: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

_SHOWN = 200  # characters of the names of columns


def paths_of(files: ListFiles) -> list[str]:
    """The paths of one file or of several: a path's letters are no files."""
    several = [files] if isinstance(files, str | os.PathLike) else files
    return [os.fspath(path) for path in several]


def gazetteer_of(
    files: Mapping[str, bytes], segmentation: Segmentation
) -> tuple[Gazetteer, tuple[str, ...]]:
    """The terms of files, by their names, cut as a model cuts texts; and sentences on what is odd.

    Raises UsageError, which names file and line, for a file that is no list, for a row that means
    nothing, and for two rows that contradict each other.
    """
    read = [read_rows(name, data) for name, data in files.items()]
    names = RowNames(read)
    terms = terms_of(read, segmentation)
    finders = _finders(terms)
    repeated = _repeated(terms, finders, names)
    warnings = [
        *(
            f"{file.file}: the columns {shortened(', '.join(file.unknown), _SHOWN)} "
            "are none of a list's"
            for file in read
            if file.unknown
        ),
        *names.warning(repeated, "terms that are listed twice count once", terms.texts),
        *odd_terms(terms, names, segmentation),
    ]
    if repeated.any():
        terms = terms.where(~repeated)
        finders = _finders(terms)
    gazetteer = Gazetteer(
        texts=_whole(terms.texts),
        ids=_whole(terms.ids),
        labels=terms.labels,
        label=terms.label.astype(np.int32),
        policy=terms.policy,
        finders=finders,
    )
    return gazetteer, tuple(warnings)


def _finders(terms: Terms) -> Sequence[TermFinder]:
    return [
        _finder(terms, spelling, terms.is_exact == is_exact)
        for spelling, is_exact in zip(SPELLINGS, (True, False), strict=True)
    ]


def _finder(terms: Terms, spelling: str, chosen: Flags) -> TermFinder:
    """What finds the chosen terms."""
    cut = terms.cut.where(chosen)
    number_of = np.zeros(len(cut.spellings), np.int32)
    number_of[cut.words] = 1
    used = np.flatnonzero(number_of)
    numbered = spelled(cut.spellings.take(pa.array(used)), spelling).dictionary_encode()
    number_of[used] = numbered.indices
    words = numbered.dictionary
    trie = TermTrie.build(number_of[cut.words], cut.lengths, np.flatnonzero(chosen), len(words))
    return TermFinder(spelling, words, trie)


def _repeated(terms: Terms, finders: Sequence[TermFinder], names: RowNames) -> NDArray[np.bool_]:
    """Which terms stand earlier in the lists; raises UsageError where they say another thing there.

    Terms of other policies, and those whose case counts beside those whose does not, are others.
    So is what is forbidden of another label.
    """
    repeated = np.zeros(len(terms.policy), np.bool_)
    for finder in finders:
        trie = finder.trie
        counts = np.diff(trie.first)
        node = np.repeat(np.arange(len(counts)), counts)
        several = np.flatnonzero(np.repeat(counts, counts) > 1)  # with others at their node
        term, node = trie.terms[several], node[several]
        policy, label = terms.policy[term], terms.label[term]
        kind = np.where(policy == FORBID, label.astype(np.int64) + len(POLICIES), policy)
        order = np.lexsort((term, kind, node))
        same = (np.diff(node[order]) == 0) & (np.diff(kind[order]) == 0)
        before, after = term[order][:-1][same], term[order][1:][same]
        for first, second in _contradictions(terms, before, after):
            what, one, other = _difference(terms, first, second)
            raise UsageError(
                f"{names[second]}: the term {shown(terms.texts[second].as_py())} has the {what} "
                f"{shown(other)}, and {shown(one)} in {names[first]}, with the policy "
                f"{POLICIES[terms.policy[second]]}"
            )
        repeated[after] = True
    return repeated


def _contradictions(terms: Terms, before: Positions, after: Positions) -> Iterator[tuple[int, int]]:
    """Pairs of rows that are of one term and policy, and not of one label and id."""
    ids = (terms.ids.take(pa.array(rows)) for rows in (before, after))
    differ = (terms.label[before] != terms.label[after]) | pc.not_equal(*ids).to_numpy()
    pairs = sorted(zip(after[differ].tolist(), before[differ].tolist(), strict=True))
    yield from ((first, second) for second, first in pairs)


def _difference(terms: Terms, first: int, second: int) -> tuple[str, str, str]:
    """In what two rows differ, and both values."""
    labels = [terms.labels[terms.label[row]] for row in (first, second)]
    if labels[0] != labels[1]:
        return "label", labels[0], labels[1]
    return "id", terms.ids[first].as_py(), terms.ids[second].as_py()


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
