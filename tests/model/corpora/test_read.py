"""Labelled files of every format are read as written, or refused with file, line and reason."""

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.corpora import LabelledCorpus, read_labelled
from schemas.errors import CorpusError

Write = Callable[[str | bytes], Path]

HEADER = "Sentence #,Word,POS,Tag\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a labelled file whose name says nothing about its format."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "labelled.data"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def pairs(corpus: LabelledCorpus) -> list[list[tuple[str, str]]]:
    return [list(zip(sent.words, sent.tags, strict=True)) for sent in corpus.sentences]


def refusal(path: Path) -> str:
    """The message with which the file is refused, without the file's folder."""
    with pytest.raises(CorpusError) as caught:
        read_labelled(path)
    assert caught.value.exit_code == 2
    return str(caught.value).removeprefix(f"{path.parent}{os.sep}")


# ---------------------------------------------------------------- the Kaggle CSV

FERRY = [
    [("Ada", "B-per"), ("Lowe", "I-per"), ("left", "O")],
    [("Ferries", "O"), ("reached", "O"), ("Oban", "B-geo")],
]


@pytest.mark.parametrize(
    "rows",
    [
        "1,Ada,N,B-per\n,Lowe,N,I-per\n,left,V,O\n2,Ferries,N,O\n,reached,V,O\n,Oban,N,B-geo\n",
        "1,Ada,N,B-per\n1,Lowe,N,I-per\n1,left,V,O\n2,Ferries,N,O\n2,reached,V,O\n2,Oban,N,B-geo\n",
        "1,Ada,N,B-per\n ,Lowe,N,I-per\n1,left,V,O\n2,Ferries,N,O\n,reached,V,O\n,Oban,N,B-geo",
        "1,Ada,N,I-per\n,Lowe,N,I-per\n\n,left,V,O\n\n2,Ferries,N,O\n,reached,V,O\n,Oban,N,I-geo\n",
    ],
    ids=["empty", "filled", "mixed, no final newline", "IOB1 with blank lines"],
)
def test_kaggle_sentences_do_not_depend_on_how_the_sentence_column_is_filled(
    write: Write, rows: str
) -> None:
    corpus = read_labelled(write(HEADER + rows))
    assert corpus.format == "kaggle"
    assert pairs(corpus) == FERRY
    assert corpus.labels == ("geo", "per")


def test_kaggle_columns_are_found_by_name_and_others_left_out(write: Write) -> None:
    corpus = read_labelled(write('Tag,,"Word",x,x, Sentence #\nB-geo,0,Oban,,,7\nO,1,.,,,7\n'))
    assert pairs(corpus) == [[("Oban", "B-geo"), (".", "O")]]


ODD_WORDS = [
    "None",
    "NA",
    "null",
    "nan",
    "N/A",
    "\x85",
    "5\xa0km",
    '"',
    ",",
    "1,000",
    "x\ny",
    "001",
]


def test_kaggle_words_that_look_missing_or_blank_survive(write: Write) -> None:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["Sentence #", "Word", "POS", "Tag"])
    rows.writerows(["None", word, "NA", "O"] for word in ODD_WORDS)
    for encoding in ("latin-1", "utf-8", "utf-8-sig"):
        corpus = read_labelled(write(text.getvalue().encode(encoding)))
        assert [sentence.words for sentence in corpus.sentences] == [tuple(ODD_WORDS)]


words = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1).filter(
    lambda word: word.strip(" ") != ""
)


@pytest.mark.parametrize(
    ("word", "encoding"),
    [
        (b"Zoe", "UTF-8"),
        ("Zoë".encode(), "UTF-8"),
        ("Zoë".encode("utf-8-sig"), "UTF-8 with BOM"),
        (b"Zo\xeb", "latin-1"),
        (b"Zo\xeb\x92s", "cp1252"),
        (b"Zo\xebs\x92\x81", "latin-1"),  # cp1252 has nothing at 0x81
    ],
)
def test_the_encoding_is_guessed_from_the_bytes(write: Write, word: bytes, encoding: str) -> None:
    bom = b"\xef\xbb\xbf" if word.startswith(b"\xef\xbb\xbf") else b""
    csv_file = bom + HEADER.encode() + b"1," + word.removeprefix(bom) + b",,O\n"
    corpus = read_labelled(write(csv_file))
    assert corpus.encoding == encoding
    kept = word.removeprefix(bom).decode("utf-8" if "UTF" in encoding else "latin-1")
    assert corpus.sentences[0].words == (kept,)
    if "UTF" in encoding:
        assert read_labelled(write(word + b" O\n")).encoding == encoding


@settings(max_examples=50)
@given(st.lists(st.lists(words, min_size=1, max_size=4), min_size=1, max_size=4), st.booleans())
def test_kaggle_reads_any_words_that_a_csv_writer_wrote(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[str]], filled: bool
) -> None:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["Sentence #", "Word", "Tag"])
    lines = []
    for number, sentence in enumerate(sentences):
        for position, word in enumerate(sentence):
            if position == 0:
                lines.append(line_breaks(text.getvalue()) + 1)
            rows.writerow([f"s{number}" if filled or position == 0 else "", word, "O"])
    path = tmp_path_factory.mktemp("csv") / "words"
    path.write_bytes(text.getvalue().encode())
    corpus = read_labelled(path)
    assert [list(sentence.words) for sentence in corpus.sentences] == sentences
    assert [sentence.line for sentence in corpus.sentences] == lines


def line_breaks(text: str) -> int:
    return sum(1 for _ in io.StringIO(text, newline=""))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Sentence #,Word,POS\n1,a,b\n", "1: the header has no column 'Tag', it has 'Sentence #',"),
        ("Word,Tag\na,O\n", "1: the header has no column 'Sentence #', it has 'Word', 'Tag'"),
        (f"{HEADER[:-1]},Tag\n1,a,b,O,O\n", "1: the header has more than one column 'Tag'"),
        (HEADER, "1: the file has a header and no rows"),
        (f"{HEADER}1,a,,O\n,b,O\n", "3: 3 columns, expected 4 as in the header"),
        (f"{HEADER}1,a,,O,\n", "2: 5 columns, expected 4 as in the header"),
        (f"{HEADER}1,a,,O\n1\n", "3: 1 column, expected 4 as in the header"),
        (f"{HEADER}1,a,,O\n\n,,x,O\n", "4: the word is empty"),
        (f"{HEADER}1,a,,O\n, ,x,O\n", "3: the word is empty"),
        (f"{HEADER}1,a,,O\n,b,x,\n", "3: the tag is empty"),
        (f"{HEADER}1,a,,O\n,b,x,Bx\n", "3: 'Bx' is not a tag, expected O or one of B I E S M L"),
        (f'{HEADER}1,"a\nb","x\r\ny",O\n,b,x,0\n', "5: '0' is not a tag"),
        (f'{HEADER}1,"a"b,,O\n', "2: the row's quoting is broken: ',' expected after '\"'"),
        (f'{HEADER}1,a,,O\n,"b,,O\n,c,,O\n', "3: the row's quoting is broken: unexpected end"),
        (f"{HEADER},a,,O\n1,b,,O\n", "2: no sentence id in this row, and none above it"),
    ],
)
def test_a_broken_kaggle_csv_is_refused(write: Write, content: str, message: str) -> None:
    for ending in (content, content.replace("\r\n", "\n").replace("\n", "\r\n")):
        assert refusal(write(ending)).startswith(f"labelled.data:{message}")


# ---------------------------------------------------------------- CoNLL and .iob2

TEA = [
    [
        ("Ann", "B-PER"),
        ("Bo", "B-PER"),
        ("met", "O"),
        ("in", "O"),
        ("New", "B-LOC"),
        ("Ross", "I-LOC"),
    ],
    [("Tea", "O")],
]
TEA_LINES = {
    "IOB1": "Ann I-PER|Bo B-PER|met O|in O|New I-LOC|Ross I-LOC||Tea O",
    "IOB2": "Ann B-PER|Bo B-PER|met O|in O|New B-LOC|Ross I-LOC||Tea O",
    "BIOES": "Ann S-PER|Bo S-PER|met O|in O|New B-LOC|Ross E-LOC||Tea O",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", ["\t", " ", "  ", " NN I-NP ", "\tNN\tI-NP\t"])
@pytest.mark.parametrize("scheme", TEA_LINES)
def test_conll_reads_alike_in_every_scheme_and_layout(
    write: Write, scheme: str, separator: str, newline: str
) -> None:
    lines = TEA_LINES[scheme].replace(" ", separator).replace("|", newline)
    corpus = read_labelled(write(lines + newline))
    assert (corpus.format, corpus.scheme) == ("conll", scheme)
    assert pairs(corpus) == TEA
    assert [sentence.line for sentence in corpus.sentences] == [1, 8]
    assert corpus.documents == ()


def test_conll_docstart_lines_end_sentences_and_are_left_out(write: Write) -> None:
    corpus = read_labelled(
        write("-DOCSTART- -X- -X- O\n\n\na X Y O\n-DOCSTART- O\nb X Y O\n \t\n\nc X Y I-Z")
    )
    assert pairs(corpus) == [[("a", "O")], [("b", "O")], [("c", "B-Z")]]
    assert [sentence.line for sentence in corpus.sentences] == [4, 6, 9]


@pytest.mark.parametrize("word", ["#", "{", '"', "\x85", "\u2028", "5\xa0km", "Sentence", ",Word,"])
def test_conll_words_that_look_like_another_format_survive(write: Write, word: str) -> None:
    for separator in (" ", "\t"):
        assert pairs(read_labelled(write(f"{word}{separator}O\n"))) == [[(word, "O")]]


def test_conll_words_between_tabs_may_hold_spaces(write: Write) -> None:
    assert pairs(read_labelled(write("10 000\tO\nm\tO \n"))) == [[("10 000", "O"), ("m", "O")]]


IOB2 = (
    "# sent_id = 1\n# text = Word, Tag\n"
    "1-2\tcannot\tO\t-\tann\n1\tcan\tO\t-\t-\n2\tnot\tO\t-\t-\n2.1\t_\tO\t-\t-\n3\t#\tB-ORG\t-\tann\n"
    "\n# sent_id = 2\n1\tIt\tO\t-\t-\n"
)


def test_iob2_leaves_out_comments_ranges_and_empty_nodes(write: Write) -> None:
    for content in (IOB2, IOB2.replace("\n", "\r\n"), IOB2.split("\n", 2)[2]):
        corpus = read_labelled(write(content))
        assert corpus.format == "iob2"
        assert pairs(corpus) == [[("can", "O"), ("not", "O"), ("#", "B-ORG")], [("It", "O")]]
    assert read_labelled(write(IOB2)).sentences[1].line == 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a\n",
            "1: 1 column, expected a word, its tag and perhaps others between (CoNLL), or a CSV",
        ),
        (
            "\na X Y\n",
            "2: none of 3 columns holds tags, expected a word, its tag and perhaps others",
        ),
        ("a O\nb X Y O\n", "2: 4 columns, expected 2 as in line 1"),
        ("a\tO\n\nb\n", "3: 1 column, expected 2 as in line 1"),
        ("a\tO\n\tO\n", "2: the word is empty"),
        ("a\tO\nb\t\n", "2: the tag is empty"),
        ("a O\nb PER\n", "2: 'PER' is not a tag, expected O or one of B I E S M L U with a label,"),
        ("a O\nb B-\n", "2: 'B-' is not a tag"),
        ("-DOCSTART- O\n\n", "1: the file holds no sentence"),
        ("# only\n", "1: the file holds no sentence"),
        ("", "1: the file is empty"),
        (" \n\n", "1: the file is empty"),
        (b"a O\nb\xe9 O\n", "2: byte 0xe9 is not valid UTF-8"),
        (b"\xef\xbb\xbfa O\n\nb\xff O\n", "3: byte 0xff is not valid UTF-8"),
        ("a O\n".encode("utf-16-le"), "1: this is text in UTF-16LE: convert it with iconv"),
        ("a O\nb\0 O\n", "2: a NUL character, so this is not a text file in UTF-8"),
        ("# c\n1\ta\tO\t-\t-\n2\tb\tO\n", "3: 3 columns, expected 5 between tabs (id, word, tag,"),
        ("1\ta\tO\t-\t-\nx\tb\tO\t-\t-\n", "2: 'x' is not the number of a token"),
        ("1\ta\tO\t-\t-\n2\t\tO\t-\t-\n", "2: the word is empty"),
        ("1\ta\tO\t-\t-\n2\tb\tQ\t-\t-\n", "2: 'Q' is not a tag"),
    ],
)
def test_a_broken_column_file_is_refused(write: Write, content: str | bytes, message: str) -> None:
    assert refusal(write(content)).startswith(f"labelled.data:{message}")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv") == "none.csv: cannot be read: No such file or directory"
    (tmp_path / "folder").mkdir()
    assert refusal(tmp_path / "folder") == "folder: cannot be read: Is a directory"


# ---------------------------------------------------------------- the shared data


@pytest.mark.parametrize(
    ("name", "corpus_format", "sentences", "tokens", "entities"),
    [
        pytest.param(*("gmb/train.csv", "kaggle", 38191, 835642, 89089), marks=pytest.mark.slow),
        ("gmb/dev.csv", "kaggle", 4799, 105114, 11224),
        ("bc5cdr/train.tsv", "conll", 4560, 118170, 9385),
        ("bc5cdr/devel.tsv", "conll", 4581, 117453, 9593),
        ("uner_ewt/dev.iob2", "iob2", 2001, 25149, 966),
    ],
)
def test_shared_corpora_are_read_in_full(
    name: str, corpus_format: str, sentences: int, tokens: int, entities: int
) -> None:
    """Tokens and `B-` tags as csv.reader and cut count them, sentences as the README there."""
    folder = os.environ.get("GLEANER_DATA")
    if not folder:
        pytest.skip("GLEANER_DATA does not name the folder of the shared data")
    corpus = read_labelled(Path(folder, name))
    assert (corpus.format, corpus.scheme) == (corpus_format, "IOB2")
    assert len(corpus.sentences) == sentences
    assert sum(len(sentence.words) for sentence in corpus.sentences) == tokens
    begins = sum(tag[0] == "B" for sentence in corpus.sentences for tag in sentence.tags)
    assert begins == entities
