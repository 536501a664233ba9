"""Offsets are read in the unit in which they were written, and spans that do not fit are named."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.corpora import LabelledCorpus, Offsets, read_labelled
from model.corpora.projection import project_document
from model.tags import Span
from model.text.segmentation import Segmentation
from schemas.errors import CorpusError

TEXT = "🚢 Ada 🚢 saw Oban"
OBAN = Span(12, 16, "geo")
IN_UTF16 = (14, 18)


def in_utf16(text: str, offset: int) -> int:
    return len(text[:offset].encode("utf-16-le")) // 2


def read(
    path: Path, *documents: tuple[str, list[Any]], offsets: Offsets = "auto"
) -> LabelledCorpus:
    lines = (json.dumps({"text": text, "spans": spans}) for text, spans in documents)
    path.write_text("\n".join(lines))
    return read_labelled(path, offsets)


def told(corpus: LabelledCorpus) -> list[str]:
    return [remark.text.replace(corpus.path, "FILE") for remark in corpus.remarks]


words = st.text(st.sampled_from("abcdé🚢𝒜"), min_size=1, max_size=4)


@settings(max_examples=100)
@given(st.lists(st.lists(words, min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_offsets_in_either_unit_read_alike(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]], data: st.DataObject
) -> None:
    """Spans with a text of their own tell; where none differs, there is nothing to tell."""
    points, units, expected, is_told = [], [], [], False
    for parts in texts:
        text = " ".join(parts)
        first = data.draw(st.integers(0, len(parts) - 1))
        start = len(" ".join(parts[:first])) + (first > 0)
        end = start + len(parts[first])
        span = {"text": parts[first], "label": "x"}
        points.append((text, [{**span, "start": start, "end": end}]))
        wide = {"start": in_utf16(text, start), "end": in_utf16(text, end)}
        units.append((text, [{**span, **wide}]))
        # A word that comes again may lie where the other unit would have it.
        is_told |= text[wide["start"] : wide["end"]] != parts[first]
        expected.append([Span(start, end, "x")])
    path = tmp_path_factory.mktemp("offsets") / "spans"
    assume(is_told or points == units)
    by_unit: dict[Offsets, Any] = {"codepoints": points, "utf16": units}
    for unit, written in by_unit.items():
        choices: tuple[Offsets, ...] = ("auto", unit)
        for offsets in choices:
            corpus = read(path, *written, offsets=offsets)
            assert [list(document.entities) for document in corpus.documents] == expected
            assert not corpus.remarks
        names = {"codepoints": "code points", "utf16": "UTF-16"}
        assert corpus.facts[-1] == f"offsets in {names[unit]}, as asked"


@pytest.mark.parametrize(
    ("spans", "fact"),
    [
        ([[*IN_UTF16, "geo"]], "offsets in UTF-16, since 1 span fits words so"),
        ([[12, 16, "geo"]], "offsets in code points, since 1 span fits words so"),
        # Words say the one, the texts of the spans the other.
        (
            [{"start": 12, "end": 16, "label": "geo", "text": "Oban"}, [*IN_UTF16, "geo"]],
            "offsets in code points, since 1 span fits their text so",
        ),
    ],
)
def test_the_unit_is_found_out_by_text_or_else_by_words(
    tmp_path: Path, spans: list[Any], fact: str
) -> None:
    path = tmp_path / "spans"
    path.write_text(json.dumps([{"text": TEXT, "entities": spans[:1]}]))
    corpus = read_labelled(path)
    assert corpus.documents[0].entities == (OBAN,)
    assert corpus.facts[-1] == fact


def test_one_unit_holds_for_a_file(tmp_path: Path) -> None:
    """Also for spans that fit both ways; those that contradict it are counted, not hidden."""
    same = "🚢 a a a a a"
    corpus = read(
        tmp_path / "spans",
        (TEXT, [[*IN_UTF16, "geo"]]),
        (TEXT, [[2, 5, "per"]]),
        (same, [[3, 4, "x"]]),
        (TEXT, [[3, 6, "per"], [*IN_UTF16, "geo"]]),
    )
    assert [document.entities[-1] for document in corpus.documents] == [
        OBAN,
        Span(2, 4, "per"),  # a blank is taken off
        Span(2, 3, "x"),
        OBAN,
    ]
    assert told(corpus)[0] == (
        "1 of 5 spans of FILE that tell fit words in code points only, the others in UTF-16, as "
        "which all are read: give files that count alike"
    )


def test_where_nothing_tells_it_is_said(tmp_path: Path) -> None:
    """As in scripts without blanks, where any two places may bound a word."""
    document = ("🚢東京都港区", [[2, 4, "geo"]])
    corpus = read(tmp_path / "spans", document)
    assert corpus.documents[0].entities == (Span(2, 4, "geo"),)
    assert told(corpus) == [
        (
            "spans of FILE lie behind characters beyond U+FFFF such as emoji, 1 in all, and "
            "nothing tells whether they count code points, as which they are read, or units of "
            "UTF-16: say so with --offsets"
        )
    ]
    asked = read(tmp_path / "spans", document, offsets="utf16")
    assert asked.documents[0].entities == (Span(1, 3, "geo"),)
    assert told(asked) == []


def test_a_unit_that_is_asked_for_where_there_are_no_spans_is_told(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text("Oban B-geo\n")
    unused = "FILE has words with tags, and no spans whose offsets count anything"
    assert told(read_labelled(path, "utf16")) == [unused]
    assert told(read_labelled(path)) == []


def test_nothing_is_said_where_the_units_are_one(tmp_path: Path) -> None:
    corpus = read(tmp_path / "spans", ("Zoë saw Oban 🚢", [[0, 3, "per"], [8, 12, "geo"]]))
    assert (corpus.facts, told(corpus)) == (("keys text and spans",), [])


def test_spans_that_no_unit_has_are_refused(tmp_path: Path) -> None:
    for span, reason in (
        ([1, 5, "x"], "[1, 5) cuts a character of two units of UTF-16"),
        ([14, 19, "x"], "[14, 19) is empty or outside the text of 18 units of UTF-16"),
    ):
        with pytest.raises(CorpusError) as caught:
            read(tmp_path / "spans", (TEXT, [span]), offsets="utf16")
        assert str(caught.value) == f"{tmp_path / 'spans'}:1: the entity {reason}"


def test_the_mistakes_of_people_are_read_or_named(tmp_path: Path) -> None:
    """A blank at an end is taken off, with its place; what cuts or overlaps is left to training."""
    text = "Ada Lowe saw Port of Oban."
    spans = [
        [0, 4, "per"],  # with a blank
        [8, 20, "geo"],  # with a blank before, and cutting nothing
        [21, 24, "geo"],  # cuts a word
        [13, 17, "geo"],  # in another
        [8, 9, "geo"],  # nothing but a blank
    ]
    corpus = read(tmp_path / "spans", ("Nobody.", []), (text, spans))
    assert corpus.documents[1].entities == (
        Span(0, 3, "per"),
        Span(8, 9, "geo"),
        Span(9, 20, "geo"),
        Span(13, 17, "geo"),
        Span(21, 24, "geo"),
    )
    assert told(corpus) == [
        "spans of FILE that begin or end with a blank are read without it, 2 in all"
    ]
    assert corpus.remarks[0].places == (
        f"{corpus.path}:2: [0, 4) per 'Ada '",
        f"{corpus.path}:2: [8, 20) geo ' saw Port of'",
    )
    misfits = project_document(corpus.documents[1], Segmentation()).misfits
    assert [(misfit.kind, misfit.text) for misfit in misfits] == [
        ("blank", " "),
        ("overlap", "Port"),
        ("boundary", "Oba"),
    ]
