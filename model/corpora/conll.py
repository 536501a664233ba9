"""Labelled sentences in columns, one token a line: CoNLL in 2 or 4 columns, and `.iob2`."""

import re
from collections.abc import Iterator
from typing import Literal

from model.corpora.records import LabelledCorpus, LabelledWord, broken, wrong_columns

_DOCSTART = "-DOCSTART-"
_CONLL_WIDTHS = (2, 4)
_IOB2_WIDTH = 5
_ANY_FORMAT = (
    "2 or 4 (CoNLL), or a CSV with 'Sentence #', 'Word' and 'Tag' in its header, or JSON documents"
)
_WORD_ID = re.compile(r"\d+")
_OTHER_ID = re.compile(r"\d+[-.]\d+")


def split_columns(line: str) -> list[str]:
    r"""The columns of a CoNLL line: split at tabs where it has any, else at runs of spaces.

    `str.split()` without an argument would also split words at `\x85` and no-break spaces.
    """
    if "\t" in line:
        return line.split("\t")
    return [column for column in line.split(" ") if column] or [""]


def read_columns(path: str, text: str, corpus_format: Literal["conll", "iob2"]) -> LabelledCorpus:
    """The sentences of a CoNLL (2 or 4 columns, last is the tag) or `.iob2` text, in order.

    Blank lines end sentences. In CoNLL, `-DOCSTART-` lines end one too and are left out. In `.iob2`
    (columns id, word, tag, -, annotator), comments are left out, and so are ranges
    (`1-2`) and empty nodes (`1.1`), whose words stand on lines of their own or nowhere in the text.
    Tags of any scheme become IOB2. Raises CorpusError for the first line at fault.
    """
    words = _conll_words if corpus_format == "conll" else _iob2_words
    return LabelledCorpus.of_words(path, corpus_format, words(path, text))


def _conll_words(path: str, text: str) -> Iterator[LabelledWord]:
    width, width_line, sentence = 0, 0, 0
    for line_number, line in _lines(text):
        columns = split_columns(line)
        if not line.strip(" \t") or columns[0] == _DOCSTART:
            sentence += 1
            continue
        if width == 0:
            if len(columns) not in _CONLL_WIDTHS:
                raise broken(path, line_number, wrong_columns(len(columns), _ANY_FORMAT))
            width, width_line = len(columns), line_number
        if len(columns) != width:
            expected = f"{width} as in line {width_line}"
            raise broken(path, line_number, wrong_columns(len(columns), expected))
        yield LabelledWord(line_number, sentence, columns[0], columns[-1].strip(" "))


def _iob2_words(path: str, text: str) -> Iterator[LabelledWord]:
    sentence = 0
    for line_number, line in _lines(text):
        if line.startswith("#"):
            continue
        if not line.strip(" \t"):
            sentence += 1
            continue
        columns = line.split("\t")
        if len(columns) != _IOB2_WIDTH:
            expected = f"{_IOB2_WIDTH} between tabs (id, word, tag, -, annotator)"
            raise broken(path, line_number, wrong_columns(len(columns), expected))
        if _OTHER_ID.fullmatch(columns[0]):
            continue
        if not _WORD_ID.fullmatch(columns[0]):
            raise broken(path, line_number, f"{columns[0]!r} is not the number of a token")
        yield LabelledWord(line_number, sentence, columns[1], columns[2].strip(" "))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    r"""Lines with their numbers from 1; `str.splitlines()` would break words such as `\x85`."""
    for line_number, line in enumerate(text.split("\n"), 1):
        yield line_number, line.removesuffix("\r")
