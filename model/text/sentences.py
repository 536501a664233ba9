"""Where sentences begin: what the splitter says, and the ends of lines and cells that it passes.

`sentencex` looks at a paragraph as a whole. It panics at blanks of other kinds than ASCII's, and
its time grows with the square of a paragraph that has many quotation marks, or no blanks. So it is
given blanks of ASCII alone, and a long text in pieces.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import sentencex

from schemas.errors import STOPS, RecordError

# A piece ends with a paragraph, else with a sentence behind which the piece shows so many
# characters more, so that a quotation there is seen whole; in a text without either, at a blank or
# anywhere. Of 15,314 documents, 78 have longer paragraphs, and 3 end sentences elsewhere for it.
PIECE_CHARACTERS = 8192
CONTEXT_CHARACTERS = 2048
_LEAST = PIECE_CHARACTERS // 2

# No one wraps text to shorter lines than this.
_WRAPPED_AT = 40
# Lines that are looked at together, where no blank one ends them.
_BLOCK_LINES = 10_000
_LINES_CHARACTERS = 2**20

_ODD_BLANKS = "\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_BAR = re.compile(r"(?<!\S)\|(?!\S)")
_PARAGRAPH = re.compile("\n\n")
_OTHER_LINE_ENDS = "\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
_LINE_END = re.compile(f"\r\n|[\n{_OTHER_LINE_ENDS}]")
_TAB = re.compile(r"\S[^\S\r\n]*\t")


def sentence_starts(text: str, language: str) -> Iterator[int]:
    """Where the splitter lets sentences of a text begin, in code points and in order.

    Raises RecordError where it fails: a library in Rust that panics raises no Exception.
    """
    if not text.isascii():
        for blank in _ODD_BLANKS:
            if blank in text:
                text = text.replace(blank, " ")
    begin, is_start = 0, True
    while begin < len(text):
        piece = text[begin : begin + PIECE_CHARACTERS]
        try:
            boundaries = sentencex.get_sentence_boundaries(language, piece)
        except STOPS:
            raise
        except BaseException as error:
            end = begin + len(piece)
            # What a panic says quotes the text.
            raise RecordError(
                f"The sentence splitter fails in the characters {begin:,} to {end:,}."
            ) from error
        found = sorted({boundary["start_index"] for boundary in boundaries} - {0})
        end = len(piece)
        ends_sentence = True
        if begin + end < len(text):
            end, ends_sentence = _end_of_piece(piece, found)
        if is_start:
            yield begin
        for start in found:
            if start < end:
                yield begin + start
        begin, is_start = begin + end, ends_sentence


def _end_of_piece(piece: str, starts: list[int]) -> tuple[int, bool]:
    """Where to cut a piece of a longer text, and whether a sentence begins there."""
    paragraph = piece.rfind("\n\n", _LEAST)
    if paragraph >= 0:
        return paragraph + 2, True
    late = [start for start in starts if start >= _LEAST]
    if late:
        seen = [start for start in late if start <= PIECE_CHARACTERS - CONTEXT_CHARACTERS]
        return (seen or late)[-1], True
    blank = max(piece.rfind(" ", _LEAST), piece.rfind("\n", _LEAST))
    return (blank + 1 if blank >= 0 else len(piece)), False


def break_starts(text: str) -> Iterator[int]:
    """Where a sentence begins whatever the splitter says: behind lines and cells of tables.

    A tab within a line ends a cell, and so does a bar between blanks, which stands alone. A blank
    line ends what is before it; so does any other end of a line, but where the text was wrapped: a
    line is wrapped where the first word of the next one had no place on it, and in a list, where
    most of them had, none is. No sentence begins with a line in lower case.
    """
    if "|" in text:
        for bar in _BAR.finditer(text):
            yield from bar.span()
    if "\t" in text:
        for tab in _TAB.finditer(text):
            yield tab.end()
    paragraphs = 0
    for paragraph in _PARAGRAPH.finditer(text):
        paragraphs += 1
        yield paragraph.end()
    # Most texts have no other ends of lines, and a line at a time takes ten times as long.
    if text.count("\n") > 2 * paragraphs or any(map(text.__contains__, _OTHER_LINE_ENDS)):
        yield from _line_starts(_lines(text))


def _lines(text: str) -> Iterator[str]:
    """The lines of a text with their ends, of which no more than 1 MB is written out at once."""
    begin = 0
    while begin < len(text):
        later = _LINE_END.search(text, begin + _LINES_CHARACTERS)
        end = later.end() if later else len(text)
        yield from text[begin:end].splitlines(keepends=True)
        begin = end


class _Line(NamedTuple):
    start: int
    length: int
    first_word: int  # its length
    goes_on: bool


def _line_starts(lines: Iterable[str]) -> Iterator[int]:
    block: list[_Line] = []
    start = 0
    for line in lines:
        body = line.strip()
        if body:
            word = len(body.split(maxsplit=1)[0])
            block.append(_Line(start, len(body), word, body[0].islower()))
        if not body or len(block) > _BLOCK_LINES:
            yield from _starts_of_block(block)
            block = block[-1:] if body else []
        if not body:
            yield start
        start += len(line)
    yield from _starts_of_block(block)


def _starts_of_block(block: list[_Line]) -> Iterator[int]:
    """The lines between two blank ones in, those that a sentence begins with out.

    The first line is none of them: it stands behind a blank one, or was in the block before.
    """
    width = max((line.length for line in block), default=0)
    width = max(width, _WRAPPED_AT)
    has_place = [line.length + 1 + after.first_word <= width for line, after in pairwise(block)]
    is_list = 2 * sum(has_place) >= len(has_place)
    for line, fits in zip(block[1:], has_place, strict=True):
        if (fits or is_list) and not line.goes_on:
            yield line.start
