"""Illegal tags are those that no sequence of spans would be written with, at their exact lines."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora import read_labelled
from model.corpora.illegal_tags import IllegalTag, illegal_tags
from model.tags import Span, TagScheme, spans_of

SCHEMES: dict[TagScheme, str] = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES"}


def written(spans: Sequence[Span], length: int, scheme: TagScheme) -> list[str]:
    """The only way to write these spans in a scheme."""
    tags = ["O"] * length
    previous = Span(-1, -1, "")
    for span in spans:
        size = span.end - span.start
        if scheme == "BIOES":
            prefixes = "S" if size == 1 else "B" + "I" * (size - 2) + "E"
        else:
            touching = (previous.end, previous.label) == (span.start, span.label)
            prefixes = ("B" if scheme == "IOB2" or touching else "I") + "I" * (size - 1)
        tags[span.start : span.end] = [f"{prefix}-{span.label}" for prefix in prefixes]
        previous = span
    return tags


@given(st.sampled_from(list(SCHEMES)), st.data())
def test_a_sentence_is_legal_where_its_spans_are_written_just_so(
    scheme: TagScheme, data: st.DataObject
) -> None:
    tag = st.sampled_from(["O", *(f"{p}-{label}" for p in SCHEMES[scheme] for label in "xy")])
    tags = data.draw(st.lists(tag, min_size=1, max_size=7))
    legal = written(spans_of(tags), len(tags), scheme) == tags
    assert (not illegal_tags([(tags, range(1, len(tags) + 1))], scheme)) == legal


@pytest.mark.parametrize(
    ("scheme", "tags", "faults"),
    [
        ("IOB2", "I-x I-x B-x I-y", "1: I-x at the start of a sentence|4: I-y after B-x"),
        ("IOB1", "I-x B-x B-y O B-x", "3: B-y after B-x|5: B-x after O"),
        ("BIOES", "B-x O E-x B-y", "2: O after B-x|3: E-x after O|4: B-y at the end of a sentence"),
        ("BIOES", "B-x I-y M-y L-y U-x E-x", "2: I-y after B-x|6: E-x after U-x"),
    ],
)
def test_each_fault_is_named(scheme: TagScheme, tags: str, faults: str) -> None:
    found = illegal_tags([(tags.split(), range(1, 1 + len(tags.split())))], scheme)
    assert "|".join(f"{illegal.line}: {illegal.fault}" for illegal in found) == faults


@pytest.mark.parametrize(
    "content",
    [
        # Comments, a range and an empty node do not shift the lines.
        "# 1\n1 a B-x - -\n2-3 bc O - -\n2 b O - -\n2.1 _ B-x - -\n3 c I-x - -\n",
        "-DOCSTART- O\n\na B-x\n\n\nc I-x\n",
        # The row before it, of the same sentence, stands lines above, and a word has two lines.
        'Sentence #,Word,Tag\n1,"a\nb",O\n2,c,B-x\n\n1,c,I-x\n',
    ],
    ids=["iob2", "conll", "kaggle"],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_are_exact(tmp_path: Path, content: str, newline: str) -> None:
    path = tmp_path / "labelled"
    if content.startswith("#"):
        content = content.replace(" ", "\t")
    path.write_bytes(content.replace("\n", newline).encode())
    corpus = read_labelled(path)
    assert [illegal.line for illegal in corpus.illegal_tags] == [6]
    assert corpus.illegal_tags[0].fault.startswith("I-x a")
    # Reading mends it: the tag begins an entity.
    assert any(("c", "B-x") in zip(s.words, s.tags, strict=True) for s in corpus.sentences)


def test_an_entity_does_not_go_on_where_the_id_of_its_sentence_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "labelled"
    path.write_text("Sentence #,Word,Tag\n1,a,B-x\n2,a,I-x\n2,b,I-y\n1,b,I-x\n1,c,O\n")
    assert read_labelled(path).illegal_tags == (
        IllegalTag(3, "I-x at the start of a sentence"),
        IllegalTag(4, "I-y after I-x"),
        IllegalTag(5, "I-x at the start of a sentence"),
    )


def test_documents_have_no_illegal_tags(tmp_path: Path) -> None:
    path = tmp_path / "labelled"
    path.write_text(json.dumps({"id": "a", "text": "b", "entities": []}))
    assert read_labelled(path).illegal_tags == ()
