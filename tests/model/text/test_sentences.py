"""Sentences begin where the splitter says and where lines and cells end, in time that grows so."""

import random
import time

import pytest
import sentencex
from hypothesis import given, settings
from hypothesis import strategies as st

from model.text.languages import RULES
from model.text.segmentation import Segmentation, tokenize_document
from model.text.sentences import PIECE_CHARACTERS, break_starts, sentence_starts
from schemas.errors import RecordError
from schemas.records import Document

# What makes the splitter stumble: blanks of all kinds, capitals, marks, quotation marks, brackets.
PARTS = st.sampled_from(
    (
        *("W", "É", "w", "Mr", "Yahoo", "1", "中", "é", "e\u0308", "🚢", "a@b.co", "[1]"),
        *(".", "!", "?", "。", "…", "-", "*", ":", "&"),
        *("\u00a0", "\u3000", "\u2009", "\u2028", "\x85", "\x1c", " ", "\n", "\r", "\t"),
        *('"', "'", "`", "``", "''", "\u201c", "\u201d", "«", "»", "(", ")", "<p>"),
        *("\u00ad", "\u0301", "\u200b", "\ufeff"),
    )
)
TEXTS = st.lists(PARTS, max_size=16).map("".join)


def sentences(text: str, language: str = "en") -> list[str]:
    document = tokenize_document(Document("d", "s", 0, text), Segmentation(language))
    bounds = zip(document.sentence_start.tolist(), document.sentence_end.tolist(), strict=True)
    return [text[start:end] for start, end in bounds]


def test_a_panic_of_the_splitter_is_an_error_that_does_not_quote_the_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a library in Rust raises is no Exception, and what asks to stop is let through."""

    class PanicException(BaseException):
        pass

    for raised, expected in ((PanicException, RecordError), (KeyboardInterrupt, KeyboardInterrupt)):

        def fail(language: str, text: str, error: type[BaseException] = raised) -> list[object]:
            raise error(f"byte index 3 of {text}")

        monkeypatch.setattr(sentencex, "get_sentence_boundaries", fail)
        with pytest.raises(expected) as caught:
            sentences("Anna met Bo.")
        assert "Anna" not in str(caught.value) or expected is KeyboardInterrupt


@given(TEXTS, st.sampled_from(sorted(RULES)))
@settings(max_examples=1000)
def test_no_text_makes_the_splitter_panic(text: str, language: str) -> None:
    starts = list(sentence_starts(text, language))
    assert starts == sorted(set(starts))
    assert all(0 <= start <= len(text) for start in starts)
    assert starts[:1] == ([0] if text else [])


@pytest.mark.parametrize("blank", ["\u00a0", "\u2009", "\u3000"])
def test_a_capital_with_an_odd_blank_before_its_full_stop_is_cut_as_with_a_blank(
    blank: str,
) -> None:
    """There the splitter panics by itself."""
    text = "She met Anna K{}. Berg in Oslo. They left."
    expected = [s.replace(" .", f"{blank}.") for s in sentences(text.format(" "))]
    assert sentences(text.format(blank)) == expected


UNITS = {
    "opening quotes": "\u201c",
    "single opening quotes": "\u2018",
    "angle quotes": "«b. ",
    "quotes and sentences": "\u201c. B ",
    "backticks": "`",
    "apostrophes": "' ",
    "brackets": "(b. ",
    "sentences without blanks": "文。",
    "quotes without blanks": '文"。',
    "initials": "U.S.",
    "hyphens": "b-",
    "odd blanks": "B\u00a0. ",
    "lines": "Oslo\n",
    "paragraphs": "b\n\n",
    "cells": "b\t",
    "bars": "b | ",
    "marks": "e\u0301",
    "emoji": "👩\u200d🚀",
    "marks out of their order": "\u0301\u0316",
    "characters of their own beyond U+FFFF": "".join(map(chr, range(0x20000, 0x40000))),
    "brackets alone": "(",
    "no blanks": "abcdefgh",
    "full stops": ".",
    "blanks": " ",
    "blank lines": "\n",
    "digits": "1,234.567:",
    "addresses": "http://b.co/c?d=e&f/",
    "scripts by turns": "aжα漢",
    "sentences of one letter": "B. ",
}


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_time_grows_with_the_length_of_a_text_whatever_it_holds(unit: str) -> None:
    """Of eight times the text at most twenty-four times the time: squared it would be sixty-four.

    The best of three, so that what else the machine does counts little.
    """
    seconds(unit, 100)  # what is made once
    assert seconds(unit, 8 * 16_384) <= 24 * max(seconds(unit, 16_384), 0.002)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_time_grows_with_the_length_of_made_up_texts_too() -> None:
    """A thousand mixtures. A step at one length is no growth: what grows does so at all."""
    pieces = [unit[:20] for unit in UNITS.values()]
    for seed in range(1_000):
        chance = random.Random(seed)
        unit = "".join(
            chance.choice(pieces) * chance.choice([1, 1, 1, 7, 300])
            for _ in range(chance.randrange(1, 7))
        )
        lengths = [PIECE_CHARACTERS * 4**power for power in (1, 2, 3)]
        assert not all(_grows(unit, length) for length in lengths), (seed, unit)


def _grows(unit: str, characters: int) -> bool:
    """Whether four times the text takes more than eight times the time: squared, sixteen."""
    return seconds(unit, 4 * characters) > 8 * max(seconds(unit, characters), 0.004)


def seconds(unit: str, characters: int) -> float:
    """What so long a text takes that repeats a unit, at best of three."""
    document = Document("d", "s", 0, (unit * (characters // len(unit) + 1))[:characters])
    spent = []
    for _ in range(3):
        start = time.process_time()
        tokenize_document(document, Segmentation(tokens="whole", characters=True))
        spent.append(time.process_time() - start)
    return min(spent)


PARAGRAPHS = st.lists(
    st.lists(
        st.sampled_from(
            (
                *("Maria met Dr. Silva.", "“Go!” he said.", 'They asked: "Why?"', "It rained"),
                *("(see p. 3).", "He paid 3.50 euros!", "The U.S. army left,", "Is it?", "A. B."),
            )
        ),
        min_size=1,
        max_size=12,
    ).map(" ".join),
    min_size=1,
    max_size=40,
)


@given(PARAGRAPHS)
@settings(max_examples=50)
def test_a_long_text_of_ordinary_paragraphs_is_cut_as_the_splitter_cuts_it(
    paragraphs: list[str],
) -> None:
    """In pieces, and yet as in one."""
    text = "\n\n".join(paragraphs * 3 + paragraphs[:1] * (PIECE_CHARACTERS // 400))
    whole = {b["start_index"] for b in sentencex.get_sentence_boundaries("en", text)}

    def at_words(starts: set[int]) -> set[int]:
        return {start + len(text[start:]) - len(text[start:].lstrip()) for start in starts}

    assert at_words(set(sentence_starts(text, "en"))) == at_words(whole)


def test_a_paragraph_longer_than_a_piece_is_cut_at_its_sentences() -> None:
    sentence = "On Monday Maria took the ferry to Lisbon, and it was late. "
    text = sentence * (3 * PIECE_CHARACTERS // len(sentence))
    assert sentences(text) == [sentence.strip()] * (len(text) // len(sentence))


def test_words_without_sentences_are_no_more_sentences_than_before() -> None:
    """Where a piece is cut at a blank, no sentence begins."""
    assert list(sentence_starts("oslo " * PIECE_CHARACTERS, "en")) == [0]


WRAPPED = """\
Yesterday a man of sixty took the ferry to New
York and then went on by the night train to San
Francisco, where nobody knew him."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Oslo\nParis\nRome\n", ["Oslo", "Paris", "Rome"]),
        ("Signed, Dr.\n\nAnna Berg", ["Signed, Dr.", "Anna Berg"]),
        ("Signed, Dr.\r\n \t\r\nAnna Berg", ["Signed, Dr.", "Anna Berg"]),
        ("Name\tTown\nAnna Berg\tOslo", ["Name", "Town", "Anna Berg", "Oslo"]),
        ("Anna Berg | Oslo | 3", ["Anna Berg", "|", "Oslo", "|", "3"]),
        ("either|or, x | y", ["either|or, x", "|", "y"]),
        # Wrapped: the next word had no place.
        (WRAPPED, [WRAPPED]),
        # In lower case the line before goes on.
        ("They met Ban Ki-\nmoon.", ["They met Ban Ki-\nmoon."]),
        ("\tOslo\n", ["Oslo"]),
    ],
)
def test_lines_and_cells_end_sentences_where_text_was_not_wrapped(
    text: str, expected: list[str]
) -> None:
    assert sentences(text) == expected


@given(TEXTS)
@settings(max_examples=200)
def test_a_blank_line_ends_what_is_before_it(text: str) -> None:
    assert len(f"{text}x\n\n") in break_starts(f"{text}x\n\nOslo")
