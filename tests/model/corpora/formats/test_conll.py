"""Columns are read by what they hold: the word, not its number; tokens, not comments."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora import LabelledCorpus, read_labelled
from model.corpora.faults import BrokenCorpusError
from schemas.errors import CorpusError

SENTENCES = [
    [("Ada", "B-per"), ("#", "O"), ("left", "O"), ("Oban", "B-geo")],
    [("#ferry", "O"), ("at", "O"), ("7", "O")],
]
LAYOUTS = [
    "{word}{_}{tag}",
    "{word}{_}NN{_}{tag}",
    "{word}{_}_{_}_{_}{tag}",
    "{word}{_}a{_}b{_}c{_}{tag}",
]
NUMBERED = ["{n}{_}{word}{_}{tag}", "{n}{_}{word}{_}NN{_}{tag}", "{n}{_}{word}{_}{tag}{_}-{_}-"]


def write(path: Path, layout: str, mark: str, first: int = 1, comments: bool = False) -> Path:
    blocks = []
    for number, sentence in enumerate(SENTENCES):
        rows = [
            layout.format(n=n, word=word, tag=tag, _=mark)
            for n, (word, tag) in enumerate(sentence, first)
        ]
        head = [f"# id {number}\tdomain=en", "# text = Ada left O", "#", "# newdoc"] * comments
        blocks.append("\n".join([*head, *rows]))
    path.write_text("\n\n".join(blocks) + "\n")
    return path


def pairs(corpus: LabelledCorpus) -> list[list[tuple[str, str]]]:
    return [list(zip(s.words, s.tags, strict=True)) for s in corpus.sentences]


@pytest.mark.parametrize("comments", [False, True])
@pytest.mark.parametrize("mark", ["\t", " "])
@pytest.mark.parametrize("layout", [*LAYOUTS, *NUMBERED])
def test_every_layout_gives_the_same_sentences(
    tmp_path: Path, layout: str, mark: str, comments: bool
) -> None:
    corpus = read_labelled(write(tmp_path / "toy", layout, mark, comments=comments))
    assert pairs(corpus) == SENTENCES
    assert ("8 comments left out" in corpus.facts) == comments
    assert corpus.remarks == ()


@pytest.mark.parametrize("first", [0, 1, 812])
def test_numbers_may_begin_anywhere(tmp_path: Path, first: int) -> None:
    corpus = read_labelled(write(tmp_path / "toy", NUMBERED[1], "\t", first))
    assert pairs(corpus) == SENTENCES
    assert corpus.facts == ("4 columns (number, word, ..., tag)",)


def test_ranges_and_empty_nodes_are_left_out_of_any_numbered_file(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    path.write_text("1-2\tdel\t_\tO\n1\tde\tP\tO\n2\tel\tD\tO\n2.1\t_\t_\tO\n3\tsol\tN\tB-x\n")
    assert pairs(read_labelled(path)) == [[("de", "O"), ("el", "O"), ("sol", "B-x")]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1 B-per", "2 O", "", "1 O"], ":1: every row begins with a number, which is no word"),
        (["7 Ada B-per", "7 left O", "", "8 Bo B-per"], ":1: every row begins with a number"),
        (["Ada B-per x", "left O y", ". O z"], ":1: the tags seem to be column 2 of 3: make it"),
        (["just a plain text", "on several lines now"], ":1: none of 4 columns holds tags"),
    ],
)
def test_columns_that_cannot_be_told_are_refused(
    tmp_path: Path, rows: list[str], message: str
) -> None:
    path = tmp_path / "toy"
    path.write_text("\n".join(rows))
    with pytest.raises(CorpusError) as caught:
        read_labelled(path)
    assert message in str(caught.value)


def test_rows_without_a_number_among_numbered_ones_are_faults(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    path.write_text("1 Ada N B-per\n2 left V O\n3 . . O\n\nBo x N B-per\n1 left V O\n2 . . O\n")
    with pytest.raises(BrokenCorpusError, match=r":5: 'Bo' is not the number of a token$"):
        read_labelled(path)


def test_a_few_sentences_that_count_their_tokens_are_remarked_on(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    plain = "Ada NN B-per\nleft VB O\n. . O\n\n"
    path.write_text(f"{plain * 3}1 Bo B-per\n2 left O\n3 . O\n")
    (remark,) = read_labelled(path).remarks
    assert remark.text.startswith("1 sentences of ")
    assert remark.places == (f"{path}:13: begins with a number",)


def test_most_rows_decide_on_the_shape_and_all_others_are_in_one_error(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    rows = [
        "Ada NN B-per",
        "left O",
        "Oban NN geo",
        " ",
        "x",
        "#tag NN o",
        "# a comment here",
        "a b O",
    ]
    path.write_text("\n".join(rows))
    with pytest.raises(BrokenCorpusError) as caught:
        read_labelled(path)
    assert [(fault.line, fault.kind) for fault in caught.value.faults] == [
        (2, "row"),
        (5, "row"),
        (3, "tag"),
        (6, "tag"),
    ]
    assert str(caught.value) == (
        f"{path}:2: 2 columns, expected 3 as in line 1 (and 3 more mistakes)"
    )


def test_lines_may_end_as_on_old_systems(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    path.write_bytes(b"Ada B-per\rleft O\r\rBo B-per\r")
    assert pairs(read_labelled(path)) == [[("Ada", "B-per"), ("left", "O")], [("Bo", "B-per")]]


tokens = st.text(st.sampled_from("aB#-'.,é1"), min_size=1, max_size=4)
sentences = st.lists(st.lists(tokens, min_size=1, max_size=5), min_size=1, max_size=5)


@given(sentences)
def test_any_tokens_survive_beside_comments(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[list[str]]
) -> None:
    """Hashtags too, and `#` itself; a first plain token tells what a row looks like."""
    drawn = [["word", *sentence] for sentence in drawn]
    path = tmp_path_factory.mktemp("conll") / "toy"
    blocks = ["# id 1\n" + "".join(f"{word}\tNN\tO\n" for word in words) for words in drawn]
    path.write_text("\n".join(blocks))
    assert [list(sentence.words) for sentence in read_labelled(path).sentences] == drawn
