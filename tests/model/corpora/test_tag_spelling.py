"""Tags are read in any case and with either mark, as long as their file spells them alike."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora import read_labelled
from model.corpora.faults import BrokenCorpusError
from model.corpora.tag_spelling import TagSpelling, could_be_tag
from model.tags import is_tag

ROWS = "Ada B-PER\nLowe I-PER\nleft O\nNew B-geo_x\n. O\n"
TAGS = ("B-PER", "I-PER", "O", "B-geo_x", "O")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("separator", ["-", "_"])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("outside", ["O", "o"])
@pytest.mark.parametrize("layout", ["conll", "wide", "kaggle"])
def test_every_spelling_of_a_file_reads_alike(
    tmp_path: Path, layout: str, outside: str, lower: bool, separator: str
) -> None:
    spelt = []
    for tag in TAGS:
        prefix = tag[0].lower() if lower else tag[0]
        spelt.append(outside if tag == "O" else f"{prefix}{separator}{tag[2:]}")
    words = [row.split()[0] for row in ROWS.splitlines()]
    if layout == "kaggle":
        text = "Sentence #,Word,Tag\n"
        text += "".join(f"1,{word},{tag}\n" for word, tag in zip(words, spelt, strict=True))
    else:
        between = " NN e-mail " if layout == "wide" else " "
        rows = (f"{word}{between}{tag}\n" for word, tag in zip(words, spelt, strict=True))
        text = "# a comment\n" + "".join(rows)
    corpus = read_labelled(write(tmp_path / "toy", text))
    assert corpus.sentences[0].words == tuple(words)
    assert corpus.sentences[0].tags == TAGS
    usual = (separator, lower, outside) == ("-", False, "O")
    assert usual != any(fact.startswith("tags as ") for fact in corpus.facts)


def test_a_tag_that_is_spelt_otherwise_than_most_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "toy", f"{ROWS}\nAda b-PER\nleft o\nOban B_geo\nx Q\n")
    with pytest.raises(BrokenCorpusError) as caught:
        read_labelled(path)
    assert [(fault.line, fault.kind) for fault in caught.value.faults] == [
        (7, "tag"),
        (8, "tag"),
        (9, "tag"),
        (10, "tag"),
    ]
    assert str(caught.value).startswith(
        f"{path}:7: 'b-PER' is spelt otherwise than most tags of the file, which are as O and B-PER"
    )
    assert caught.value.faults[3].reason.startswith("'Q' is not a tag")


@given(st.text(min_size=1, max_size=6))
def test_the_usual_spelling_has_the_tags_that_there_are(text: str) -> None:
    for tag in (text, f"B-{text}", f"b-{text}"):
        assert TagSpelling().tag(tag) == (tag if is_tag(tag) else None)
        assert could_be_tag(tag) >= is_tag(tag)
