"""Sentences of the Kaggle CSV are runs of rows, however the file was put together or written."""

import csv
import io
import sys
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora import LabelledCorpus, read_labelled
from model.corpora.faults import BrokenCorpusError
from schemas.errors import CorpusError, UsageError

HEADER = "Sentence #,Word,POS,Tag\n"


def read(tmp_path: Path, text: str) -> LabelledCorpus:
    path = tmp_path / "toy.csv"
    path.write_bytes(text.encode())
    return read_labelled(path)


def words(corpus: LabelledCorpus) -> list[str]:
    return [" ".join(sentence.words) for sentence in corpus.sentences]


def noted(corpus: LabelledCorpus, tmp_path: Path) -> list[str]:
    """What its reader remarked on, places included, without the folder."""
    lines = [line for remark in corpus.remarks for line in (remark.text, *remark.places)]
    return [line.replace(f"{tmp_path}/", "") for line in lines]


names = st.sampled_from(["1", "2", "Sentence: 3", "4"])
runs = st.lists(st.tuples(names, st.integers(2, 5)), min_size=1, max_size=8).filter(
    lambda drawn: all(a[0] != b[0] for a, b in pairwise(drawn))
)


@given(runs, st.sampled_from(["filled", "", "nan", "NaN", "NULL"]))
def test_a_run_of_rows_is_a_sentence_whatever_stood_before(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, int]], below: str
) -> None:
    """In the order of the file; each id that comes back is named with both of its lines."""
    rows: list[str] = []
    expected, returned = [], []
    last: dict[str, int] = {}
    for number, (sentence, length) in enumerate(drawn):
        line = len(rows) + 2
        if sentence in last:
            returned.append(f"toy.csv:{line}: {sentence!r} stood in line {last[sentence]} too")
        last[sentence] = line
        cut = [f"w{number}.{n}" for n in range(length)]
        expected.append(" ".join(cut))
        for n, word in enumerate(cut):
            rows.append(f"{sentence if below == 'filled' or not n else below},{word},N,O\n")
    folder = tmp_path_factory.mktemp("csv")
    corpus = read(folder, HEADER + "".join(rows))
    assert words(corpus) == expected
    assert noted(corpus, folder)[1:] == returned
    assert len(corpus.remarks) == bool(returned)


def test_the_remark_counts_the_ids_and_says_what_to_do(tmp_path: Path) -> None:
    corpus = read(tmp_path, f"{HEADER}1,a,N,O\n,b,N,O\n2,c,N,O\n1,d,N,O\n,e,N,O\n")
    assert words(corpus) == ["a b", "c", "d e"]
    text, place = noted(corpus, tmp_path)
    assert text == (
        "1 of 3 sentences of toy.csv have an id that stood before, as where files were put "
        "together, and are read as sentences of their own: number them anew, or sort the rows by "
        "sentence if they belong together"
    )
    assert place == "toy.csv:5: '1' stood in line 2 too"


def test_an_id_that_is_written_again_below_an_empty_one_is_named(tmp_path: Path) -> None:
    corpus = read(tmp_path, f"{HEADER}1,a,N,O\n,b,N,O\n1,c,N,O\n2,d,N,O\n")
    assert words(corpus) == ["a b c", "d"]
    assert noted(corpus, tmp_path)[1:] == ["toy.csv:4: '1' stood in line 2 too"]


@pytest.mark.parametrize("order", ["word", "interleaved", "reversed columns of sentences"])
def test_rows_whose_order_is_lost_are_refused(tmp_path: Path, order: str) -> None:
    rows = [(f"s{n}", word) for n in range(9) for word in ("the", "boat", "left", f"at {n}")]
    if order == "word":
        rows.sort(key=lambda row: row[1])
    else:
        rows.sort(key=lambda row: ("the", "boat", "left").index(row[1]) if " " not in row[1] else 9)
        rows = rows if order == "interleaved" else rows[::-1]
    text = HEADER + "".join(f"{name},{word},N,O\n" for name, word in rows)
    with pytest.raises(CorpusError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert "do not stand together: it is in line " in message
    assert "as are 9 of 9 sentences" in message
    assert "the file is shuffled, or sorted by something else than its text" in message


def test_a_header_that_comes_again_ends_a_sentence_and_is_left_out(tmp_path: Path) -> None:
    one = "Sentence #,Word,Tag\n1,Ada,B-per\n,left,O\n"
    corpus = read(tmp_path, one + "\ufeff" + one)
    assert words(corpus) == ["Ada left", "Ada left"]
    assert corpus.facts == ("1 more header left out",)
    assert noted(corpus, tmp_path)[-1] == "toy.csv:4"
    with pytest.raises(CorpusError, match=r":5: no sentence id in this row, and none above it"):
        read(tmp_path, one + "Sentence #,Word,Tag\n,Bo,O\n")


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_other_delimiters_and_cases_are_read_alike(tmp_path: Path, mark: str, name: str) -> None:
    rows = [
        ("sentence #", "WORD", "pos", " tag "),
        ("1", "Ada,", "N", "B-per"),
        ("", mark, "", "O"),
    ]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark).writerows(rows)
    corpus = read(tmp_path, text.getvalue())
    assert words(corpus) == [f"Ada, {mark}"]
    assert corpus.facts == (f"parted by {name}",)


def test_rows_without_anything_are_blank_lines(tmp_path: Path) -> None:
    assert words(read(tmp_path, f"{HEADER}1,a,N,O\n,,,\n2,b,N,O\n,,,\n")) == ["a", "b"]


def test_a_stray_quote_takes_no_good_row_along(tmp_path: Path) -> None:
    """Neither up to the end of the file, nor up to the next one."""
    rows = ["1,Ada,N,B-per", ',",N,O', ",left,V,O", ',",N,O', ",Oban,N,B_geo", ',"x"y,N,O', ",.,,"]
    with pytest.raises(BrokenCorpusError) as caught:
        read(tmp_path, HEADER + "\n".join(rows))
    assert [(fault.line, fault.kind) for fault in caught.value.faults] == [
        (3, "row"),
        (5, "row"),
        (7, "row"),
        (6, "tag"),
        (8, "tag"),
    ]
    assert caught.value.faults[0].reason == (
        'a quote that opens here runs over rows to line 5: write it as """"'
    )


def test_words_that_hold_a_line_break_are_remarked_on(tmp_path: Path) -> None:
    corpus = read(tmp_path, f'{HEADER}1,"Ada\nLowe",N,O\n,left,V,O\n')
    assert corpus.sentences[0].words == ("Ada\nLowe", "left")
    assert noted(corpus, tmp_path)[1:] == ["toy.csv:2"]


cells = st.text(st.sampled_from('a,;"\x85\u2028 \u00e9'), max_size=4)
tables = st.lists(
    st.tuples(st.sampled_from(["1", "2", "", "NaN"]), cells, cells, st.sampled_from(["O", "B-x"])),
    min_size=1,
    max_size=3,
).map(lambda drawn: [("1", "first", "", "O"), *((a, f"w{b}", c, d) for a, b, c, d in drawn)])


@given(tables, st.sampled_from(list(",;")), st.sampled_from(["\n", "\r\n"]), st.integers(0, 4))
def test_pandas_reads_what_is_read_row_by_row(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, ...]],
    mark: str,
    end: str,
    blank: int,
) -> None:
    """Row by row is read what is odd anywhere, as a mark of inches without quotes around it."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark, lineterminator=end).writerows(table)
    header = HEADER.replace(",", mark).replace("\n", end)
    lines = text.getvalue().split(end)[:-1]
    plain = header + "".join(
        end * (number == blank) + line + end for number, line in enumerate(lines)
    )
    folder = tmp_path_factory.mktemp("csv")
    with mock.patch("pandas.read_csv", wraps=pd.read_csv) as parser:
        corpus = read(folder, plain)
        assert parser.called
        odd = read(folder, plain + mark.join(["odd", '5"', "", "O"]))
        assert parser.call_count == 1
    assert [word for sentence in corpus.sentences for word in sentence.words] == [
        word for _, word, *_ in table
    ]
    assert odd.sentences[:-1] == corpus.sentences
    assert odd.sentences[-1].words == ('5"',)
    places = [[remark.places for remark in found.remarks] for found in (odd, corpus)]
    assert places[0] == places[1]


def test_without_pandas_the_message_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        UsageError, match=r"pandas, which is missing: .* -m pip install -e .*\[train\]"
    ):
        read(tmp_path, f"{HEADER}1,a,,O\n")
    assert len(read(tmp_path, "a O\n").sentences) == 1
