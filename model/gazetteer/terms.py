"""Rows of lists in, the terms that they mean out: checked, and cut into words.

All is done by column: a list has millions of rows, and few of them are at fault.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.gazetteer.rows import CASES, POLICIES, TermRows
from model.tags import LONGEST_LABEL, is_label
from model.text.escaping import shortened
from model.text.segmentation import Segmentation, token_offsets, tokenize_document
from model.text.word_joining import ABBREVIATIONS
from schemas.errors import UsageError
from schemas.records import Document, Flags, Ints

ANY_LABEL = "*"
ADD, OVERRIDE, FORBID = map(POLICIES.index, POLICIES)
# Shorter terms are taken as they are written: `US` is no `us`.
_LETTERS = 4
_BLOCK = 50_000  # terms that are cut at once
_NAMED = 5  # rows in a warning
_SHOWN = 80  # characters of a value
_CONTINUES = 0b10  # the first bits of all bytes of a character of UTF-8 but the first
# What may end a sentence within a term: a sign of any script in a word of it, or a line's end or a
# tab between two. And words to which a dot behind them may be joined.
_SENTENCE_END = r"[!?|]|\.$|[^\x00-\x7F\pL\pM\pN\pZ\pS\p{Pd}\p{Pi}\p{Pf}]"
_LINE_END = r"[\pC\x{2028}\x{2029}]"
_TAKES_DOT = rf"(?i)(?:^|\PL)(?:\pL|{'|'.join(sorted(ABBREVIATIONS))})$|[^\x00-\x7f]"


class CutTerms(NamedTuple):
    """Terms as words."""

    spellings: pa.Array  # the distinct words
    words: Ints  # (word of a term,) numbers in spellings, terms end to end
    lengths: Ints  # (term,) words of each

    def where(self, chosen: Flags) -> "CutTerms":
        """Those of the terms for which it says so."""
        words = self.words[np.repeat(chosen, self.lengths)]
        return CutTerms(self.spellings, words, self.lengths[chosen])

    def at(self, chosen: Ints) -> "CutTerms":
        """The terms at these places, in this order."""
        lengths = self.lengths[chosen]
        begins = np.cumsum(self.lengths, dtype=np.int32) - self.lengths
        shift = begins[chosen] - (np.cumsum(lengths, dtype=np.int32) - lengths)
        places = np.repeat(shift, lengths) + np.arange(lengths.sum(), dtype=np.int32)
        return CutTerms(self.spellings, self.words[places], lengths)

    def of_terms(self, counts: Ints) -> Ints:
        """The sum for each term, (term,), of what is counted in each of the spellings."""
        sums = np.append(np.int32(0), np.cumsum(counts[self.words], dtype=np.int32))
        return np.diff(sums[np.append(0, np.cumsum(self.lengths))])

    @property
    def first(self) -> Ints:
        """The first word of each term, which has one."""
        words: Ints = self.words[np.cumsum(self.lengths) - self.lengths]
        return words

    @property
    def last(self) -> Ints:
        """The last word of each term, which has one."""
        words: Ints = self.words[np.cumsum(self.lengths) - 1]
        return words


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The terms of lists, row by row.

    texts, ids: as they are written, without an id an empty text. labels: the distinct ones, sorted;
    label: (term,) its position there, -1 for any; policy: (term,) ADD, OVERRIDE or FORBID;
    is_exact: (term,) whether case counts.
    """

    texts: pa.ChunkedArray
    ids: pa.ChunkedArray
    labels: tuple[str, ...]
    label: Ints
    policy: NDArray[np.uint8]
    is_exact: Flags
    cut: CutTerms

    def where(self, chosen: Flags) -> "Terms":
        """Those of the terms for which it says so."""
        rows = pa.array(chosen)
        return Terms(
            texts=self.texts.filter(rows),
            ids=self.ids.filter(rows),
            labels=self.labels,
            label=self.label[chosen],
            policy=self.policy[chosen],
            is_exact=self.is_exact[chosen],
            cut=self.cut.where(chosen),
        )


def shown(value: str) -> str:
    """A value of a row as messages quote it, which the row's own length makes no longer."""
    return repr(shortened(value, _SHOWN))


class RowNames:
    """What the rows of several files are called in messages."""

    def __init__(self, files: Sequence[TermRows]) -> None:
        self._files = files
        self._ends = np.cumsum([len(file.columns) for file in files])

    def __getitem__(self, row: int) -> str:
        file = int(np.searchsorted(self._ends, row, side="right"))
        return self._files[file].place(row - int(self._ends[file]) + len(self._files[file].columns))

    def refuse(self, at_fault: NDArray[np.bool_], problem: str, values: pa.ChunkedArray) -> None:
        """Raise UsageError for the first row at fault; `{}` in the problem is its value."""
        rows = np.flatnonzero(at_fault)
        if len(rows):
            first = int(rows[0])
            others = len(rows) - 1
            more = f" (and {others:,} more {'row' if others == 1 else 'rows'})" if others else ""
            told = problem.format(shown(values[first].as_py()))
            raise UsageError(f"{self[first]}: {told}{more}")

    def warning(self, odd: NDArray[np.bool_], what: str, texts: pa.ChunkedArray) -> Iterator[str]:
        """A sentence on the rows that are odd, where some are."""
        rows = np.flatnonzero(odd).tolist()
        if rows:
            few = [f"{shown(texts[row].as_py())} ({self[row]})" for row in rows[:_NAMED]]
            more = f" and {len(rows) - _NAMED:,} more" if len(rows) > _NAMED else ""
            yield f"{what}: {', '.join(few)}{more}"


def terms_of(files: Sequence[TermRows], segmentation: Segmentation) -> Terms:
    """The terms of all files, in their order; raises UsageError for a row that means nothing."""
    names = RowNames(files)
    columns = pa.concat_tables([file.columns for file in files])
    texts = columns["term"]
    label, ids, case, policy = (
        pc.utf8_trim_whitespace(columns[name]) for name in ("label", "id", "case", "policy")
    )
    policies = _chosen(names, "policy", policy, POLICIES, default=ADD).astype(np.uint8)
    cases = _chosen(names, "case", case, CASES, default=-1)
    names.refuse(_is_any(label) & (policies != FORBID), "label * is for the policy forbid", label)
    labels = pc.unique(label).to_pylist()
    odd = pa.array([name for name in labels if name != ANY_LABEL and not is_label(name)])
    expected = f"the label is {{}}, expected a name of at most {LONGEST_LABEL} characters"
    names.refuse(pc.is_in(label, odd.cast(pa.string())).to_numpy(), expected, label)
    known = tuple(sorted({*labels} - {ANY_LABEL}))
    cut = cut_terms(texts, segmentation)
    names.refuse(cut.lengths == 0, "the term is empty", texts)
    letters = cut.of_terms(_letters(cut.spellings))
    return Terms(
        texts=texts,
        ids=ids,
        labels=known,
        label=pc.index_in(label, pa.array(known, pa.string())).fill_null(-1).to_numpy(),
        policy=policies,
        is_exact=np.where(cases < 0, letters < _LETTERS, cases == CASES.index("exact")),
        cut=cut,
    )


def cut_terms(texts: pa.ChunkedArray, segmentation: Segmentation) -> CutTerms:
    """Terms cut as texts are; one of blanks alone has no words.

    No token has a blank, nor depends on what is beyond one. So each text between blanks is cut
    once: 2,000,000 terms have 265,000 of them.
    """
    pieces = pc.split_pattern(texts, " ").combine_chunks()
    numbered = pieces.flatten().dictionary_encode()
    cut = _cut(numbered.dictionary, segmentation)
    every = cut.at(numbered.indices.to_numpy())
    ends = np.append(0, np.cumsum(every.lengths, dtype=np.int32))
    bounds = pieces.offsets.to_numpy() - pieces.offsets[0].as_py()
    return every._replace(lengths=np.diff(ends[bounds]).astype(np.int32))


def _cut(texts: pa.Array, segmentation: Segmentation) -> CutTerms:
    """The same of texts, each as it is."""
    words, lengths = [pa.array([], pa.string())], [np.zeros(0, np.int32)]
    for first in range(0, len(texts), _BLOCK):
        block = texts.slice(first, _BLOCK).to_pylist()
        text = "\n".join(block)
        starts, ends = token_offsets(text, segmentation.tokens, characters=segmentation.characters)
        bounds = np.cumsum(np.fromiter(map(len, block), np.int64, len(block)) + 1)
        of_text = np.searchsorted(bounds, starts, side="right")
        lengths.append(np.bincount(of_text, minlength=len(block)).astype(np.int32))
        words.append(_stretches(text, starts, ends))
    numbered = pa.concat_arrays(words).dictionary_encode()
    return CutTerms(numbered.dictionary, numbered.indices.to_numpy(), np.concatenate(lengths))


def _stretches(text: str, starts: Ints, ends: Ints) -> pa.Array:
    """The tokens of a text as an array: as Python's strings, 5,000,000 of them take 5 s."""
    data = text.encode()
    bounds = np.stack([starts, ends], axis=1).ravel()
    if not text.isascii():
        begins = np.frombuffer(data, np.uint8) >> 6 != _CONTINUES
        bounds = np.append(np.flatnonzero(begins), len(data))[bounds]
    buffers = pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(data)
    with_gaps = pa.StringArray.from_buffers(max(len(bounds) - 1, 0), *buffers)
    return with_gaps.take(pa.array(np.arange(0, len(with_gaps), 2)))


def odd_terms(terms: Terms, names: RowNames, segmentation: Segmentation) -> Iterator[str]:
    """Sentences on terms that are found less often than one would think."""
    cut = terms.cut
    begins_with_mark = _matching(cut.spellings, r"^\pM")[cut.first]
    told = "terms that begin within a word, as no token does, are found nowhere"
    yield from names.warning(begins_with_mark, told, terms.texts)
    if segmentation.tokens == "whole":
        told = "terms whose last word is one token with a dot behind it are not found there"
        yield from names.warning(_takes_dot(cut, segmentation), told, terms.texts)
    told = "terms that are cut into sentences are found only where no sentence ends in them"
    yield from names.warning(_ends_sentence(terms, segmentation), told, terms.texts)


def _chosen(
    names: RowNames,
    column: str,
    values: pa.ChunkedArray,
    choices: Sequence[str],
    *,
    default: int,
) -> NDArray[np.int64]:
    """The position of each value among the choices; of what is empty, the default."""
    place = pc.index_in(values, pa.array(choices, pa.string()))
    is_empty = pc.equal(values, "")
    known = ", ".join(choices)
    wrong = pc.and_(pc.is_null(place), pc.invert(is_empty)).to_numpy()
    names.refuse(wrong, f"{column} is {{}}, expected one of {known}", values)
    chosen: NDArray[np.int64] = place.fill_null(default).to_numpy().astype(np.int64)
    return chosen


def _is_any(label: pa.ChunkedArray) -> NDArray[np.bool_]:
    is_any: NDArray[np.bool_] = pc.equal(label, ANY_LABEL).to_numpy()
    return is_any


def _matching(texts: pa.Array | pa.ChunkedArray, pattern: str) -> Flags:
    """Which texts a pattern is found in."""
    return np.asarray(pc.match_substring_regex(texts, pattern))


def _letters(words: pa.Array) -> Ints:
    """How many letters each word has."""
    lengths = pc.utf8_length(pc.replace_substring_regex(words, r"\PL", ""))
    letters: Ints = lengths.to_numpy()
    return letters


def _takes_dot(cut: CutTerms, segmentation: Segmentation) -> Flags:
    """Whether a dot behind a term would be joined to its last word, as to `Inc`."""
    may = _matching(cut.spellings, _TAKES_DOT)
    words = np.intersect1d(cut.last, np.flatnonzero(may))
    dotted = pc.binary_join_element_wise(cut.spellings.take(pa.array(words)), "", ".")
    joined = np.zeros(len(may), np.bool_)
    joined[words[_cut(dotted, segmentation).lengths == 1]] = True
    takes_dot: Flags = joined[cut.last]
    return takes_dot


def _ends_sentence(terms: Terms, segmentation: Segmentation) -> Flags:
    """Whether a term alone is more than one sentence."""
    several = np.zeros(len(terms.texts), np.bool_)
    ends = _matching(terms.cut.spellings, _SENTENCE_END).astype(np.int32)
    before_last = terms.cut.of_terms(ends) - ends[terms.cut.last]
    may = np.flatnonzero((before_last > 0) | _matching(terms.texts, _LINE_END))
    for row in may.tolist():
        document = Document("", "", 0, terms.texts[row].as_py())
        several[row] = len(tokenize_document(document, segmentation).sentence_start) > 1
    return several
