"""Labelled sentences in columns, one token a line: CoNLL of any width, and `.iob2`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from model.corpora.faults import Fault, broken, wrong_columns
from model.corpora.records import LabelledCorpus, LabelledWord, Remark
from model.corpora.tag_spelling import TagSpelling, could_be_tag

_DOCSTART = "-DOCSTART-"
_NUMBER = re.compile(r"\d+")
_OTHER_ID = re.compile(r"\d+[-.]\d+")
_METADATA = re.compile(r"#\s*[\w.:-]+\s*=")  # of CoNLL-U: `# sent_id = 1`
_WORD_AND_TAG = 2  # the fewest columns
_IOB2_WIDTH = 5
_IOB2_TAG = 2
_ENOUGH = 3  # rows that begin with a number make it more than a chance
_EXPECTED = (
    "a word, its tag and perhaps others between (CoNLL), or a CSV with 'Sentence #', 'Word' and "
    "'Tag' in its header, or JSON documents"
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A line that is neither blank nor a comment; `tabs` says what parts its columns."""

    line: int
    sentence: int
    columns: Sequence[str]
    tabs: bool


@dataclass(frozen=True)
class _Layout:
    """What the columns of a file mean.

    line: the first with so many. numbered: each row begins with the number of its token, as in
    CoNLL-U, and its word comes second.
    """

    width: int
    line: int
    tabs: bool
    numbered: bool
    tag: int
    spelling: TagSpelling

    @property
    def word(self) -> int:
        return int(self.numbered)

    @property
    def is_iob2(self) -> bool:
        return self.numbered and self.tag == _IOB2_TAG and self.width == _IOB2_WIDTH

    @cached_property
    def expected(self) -> str:
        if self.is_iob2:
            return f"{_IOB2_WIDTH} between tabs (id, word, tag, -, annotator)"
        return f"{self.width} as in line {self.line}"


def split_columns(line: str) -> list[str]:
    r"""The columns of a CoNLL line: split at tabs where it has any, else at runs of spaces.

    `str.split()` without an argument would also split words at `\x85` and no-break spaces.
    """
    if "\t" in line:
        return line.split("\t")
    return [column for column in line.split(" ") if column] or [""]


def read_columns(path: str, text: str) -> LabelledCorpus:
    """The sentences of a text in columns, in order: CoNLL, or `.iob2`.

    The word comes first and the tag last, with any columns between. Where the first column counts
    the tokens of each sentence, the word is the second; ranges (`1-2`) and empty nodes (`1.1`) are
    left out then, whose words stand on lines of their own or nowhere in the text. `.iob2` has id,
    word, tag, -, annotator. Most rows decide; others are faults.

    Blank lines end sentences, and so do `-DOCSTART-` lines, which are left out. A line that begins
    with `#` is a comment unless it is a row of the file's own shape, whose last column is a tag.
    Tags of any scheme become IOB2. Raises CorpusError, with all rows at fault.
    """
    rows = _rows(text)
    layout = _layout(path, rows)
    kept = [row for row in rows if not _is_comment(row, layout)]
    corpus = LabelledCorpus.of_words(
        path, "iob2" if layout.is_iob2 else "conll", _words(kept, layout)
    )
    corpus = corpus.with_facts(*_facts(layout, len(rows) - len(kept)))
    return corpus.with_remarks(*_remarks(path, kept, layout))


def _rows(text: str) -> list[_Row]:
    rows = []
    sentence = 0
    # `str.splitlines()` would break words such as `\x85`.
    for number, ended in enumerate(text.split("\n"), 1):
        line = ended.removesuffix("\r")
        columns = split_columns(line)
        if not line.strip(" \t") or _DOCSTART in columns[:2]:
            sentence += 1
        else:
            rows.append(_Row(number, sentence, columns, "\t" in line))
    return rows


def _layout(path: str, rows: Sequence[_Row]) -> _Layout:
    # Comments are known by the shape of the rows, so these must not be among them; a file of
    # nothing but lines with a # in front is one of its words.
    sure = [row for row in rows if not row.columns[0].startswith("#")]
    sure = sure or [row for row in rows if could_be_tag(row.columns[-1].strip(" "))]
    if not sure:
        raise broken(path, 1, "the file holds no sentence")
    width, _ = Counter(len(row.columns) for row in sure).most_common(1)[0]
    usual = [row for row in sure if len(row.columns) == width]
    first = usual[0]
    if width == 1:
        raise broken(path, first.line, wrong_columns(1, _EXPECTED))
    numbered = width > _WORD_AND_TAG and _are_numbered(usual)
    tag = _tag_column(path, usual, numbered=numbered)
    if not numbered and len(sure) >= _ENOUGH and all(_is_number(r.columns[0]) for r in sure):
        raise broken(
            path,
            first.line,
            "every row begins with a number, which is no word: give the words in the first column, "
            "or in the second behind numbers that count the tokens of each sentence",
        )
    tags = Counter(row.columns[tag].strip(" ") for row in usual)
    return _Layout(width, first.line, first.tabs, numbered, tag, TagSpelling.of(tags))


def _tag_column(path: str, rows: Sequence[_Row], *, numbered: bool) -> int:
    """Which column holds tags in most rows: the last, or in `.iob2` the third."""
    first = rows[0]
    width = len(first.columns)
    tagged = [sum(could_be_tag(row.columns[n].strip(" ")) for row in rows) for n in range(width)]
    candidates = [width - 1, _IOB2_TAG] if numbered and width == _IOB2_WIDTH else [width - 1]
    for column in candidates:
        if 2 * tagged[column] > len(rows):
            return column
    best = max(range(int(numbered) + 1, width), key=tagged.__getitem__)
    if best not in candidates and 2 * tagged[best] > len(rows):
        reason = f"the tags seem to be column {best + 1} of {width}: make it the last one"
        raise broken(path, first.line, reason)
    if width > _WORD_AND_TAG and not any(tagged):
        raise broken(path, first.line, f"none of {width} columns holds tags, expected {_EXPECTED}")
    return candidates[-1]


def _are_numbered(rows: Sequence[_Row]) -> bool:
    """Whether the first column counts the tokens of sentences in most rows, from any number on."""
    columns = _first_columns(rows).values()
    counted = sum(map(_counted, columns))
    whole = sum(map(len, columns))
    is_wide = len(rows[0].columns) == _IOB2_WIDTH
    return 2 * counted > whole or (is_wide and 2 * counted == whole > 0)


def _first_columns(rows: Sequence[_Row]) -> dict[int, list[str]]:
    sentences: dict[int, list[str]] = {}
    for row in rows:
        if not _OTHER_ID.fullmatch(row.columns[0]):
            sentences.setdefault(row.sentence, []).append(row.columns[0])
    return sentences


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text) or _OTHER_ID.fullmatch(text))


def _counted(column: Sequence[str]) -> int:
    """How many of a sentence's first columns are one more than that before, or 0 or 1 at first."""
    numbers = [int(text) if _NUMBER.fullmatch(text) else None for text in column]
    begins = numbers[0] is not None and (numbers[0] <= 1 or numbers[1:2] == [numbers[0] + 1])
    pairs = pairwise(numbers)
    return begins + sum(a is not None and b == a + 1 for a, b in pairs)


def _is_comment(row: _Row, layout: _Layout) -> bool:
    """A line with a # in front is a row where it has the columns of one.

    Without a tag, `#` alone or before a blank begins a comment; a hashtag is a broken row.
    """
    start = row.columns[0]
    if not start.startswith("#"):
        return False
    if layout.numbered or len(row.columns) != layout.width or row.tabs != layout.tabs:
        return True
    if layout.spelling.tag(row.columns[layout.tag].strip(" ")):
        return bool(_METADATA.match(" ".join(row.columns)))
    return start[1:2] in ("", " ")


def _words(rows: Sequence[_Row], layout: _Layout) -> Iterator[LabelledWord | Fault]:
    for line, sentence, columns in ((row.line, row.sentence, row.columns) for row in rows):
        if len(columns) != layout.width:
            yield Fault(line, "row", wrong_columns(len(columns), layout.expected))
        elif layout.numbered and _OTHER_ID.fullmatch(columns[0]):
            continue
        elif layout.numbered and not _NUMBER.fullmatch(columns[0]):
            yield Fault(line, "row", f"{columns[0]!r} is not the number of a token")
        else:
            word, tag = columns[layout.word], columns[layout.tag].strip(" ")
            yield LabelledWord(line, sentence, word, tag)


def _facts(layout: _Layout, comments: int) -> Iterator[str]:
    if layout.numbered and not layout.is_iob2:
        yield f"{layout.width} columns (number, word, ..., tag)"
    elif layout.width > _WORD_AND_TAG and not layout.is_iob2:
        yield f"{layout.width} columns (word, ..., tag)"
    if comments:
        yield f"{comments:,} comment{'' if comments == 1 else 's'} left out"


def _remarks(path: str, rows: Sequence[_Row], layout: _Layout) -> Iterator[Remark]:
    if layout.numbered:
        return
    lines = {row.sentence: row.line for row in reversed(rows)}
    counted = [
        lines[sentence]
        for sentence, column in _first_columns(rows).items()
        if len(column) >= _ENOUGH and _counted(column) == len(column)
    ]
    if counted:
        yield Remark(
            f"{len(counted):,} sentences of {path} seem to count their tokens in the first column, "
            "which is read as words: number all sentences, or none",
            tuple(f"{path}:{line}: begins with a number" for line in counted),
        )
