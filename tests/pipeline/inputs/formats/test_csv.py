"""csv as it is in the world: its separators, its escapes, and quotes that do not end."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.inputs.files import match_files
from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from pipeline.inputs.formats.csv.quotes import Quotes
from pipeline.inputs.formats.csv.table import usual_separator
from pipeline.inputs.shards import plan_shards
from pipeline.planning.preview import separator_warnings
from schemas.errors import UsageError
from schemas.records import DeadLetter, Document, Shard

SEPARATORS = [",", "\t", ";", "|"]
BOM = b"\xef\xbb\xbf"
NO_END = "The row has a quote that does not end; the rows behind it were read."


def read(data: bytes, source: str = "in.csv", **config: str) -> list[Record]:
    shard = Shard(source, "csv", 0, None, len(data), "")
    return list(read_records(io.BytesIO(data), shard, ReadConfig(**config)))  # type: ignore[arg-type]  # by name


def texts(records: list[Record]) -> list[str | None]:
    """Those of documents, None for a dead letter."""
    return [record.text if isinstance(record, Document) else None for record in records]


def written(rows: list[list[str]], separator: str, **settings: object) -> bytes:
    sink = io.StringIO(newline="")
    csv.writer(sink, delimiter=separator, **settings).writerows(rows)  # type: ignore[arg-type]  # by name
    return sink.getvalue().encode()


cells = st.text(st.sampled_from([*"ab ,;|\t\"'\n\r\\", "é"]), max_size=8)
tables = st.lists(st.tuples(cells, cells).map(list), max_size=6)


@given(
    rows=tables,
    separator=st.sampled_from(SEPARATORS),
    others=st.lists(st.sampled_from(["id", "a b", "x,y", "a;b", "p|q", 'quo"te']), unique=True),
    name=st.sampled_from(["in.csv", "in.tsv", "in.csv.gz"]),
    is_marked=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_the_separator_is_found_out_from_the_header(
    rows: list[list[str]],
    separator: str,
    others: list[str],
    name: str,
    is_marked: bool,
    quoting: int,
) -> None:
    """Whatever the values hold, and the names of other columns.

    A header of one column shows none: there it is what the name of the file says.
    """
    header = [*others, "text"]
    body = [[*["o"] * len(others), text] for _, text in rows if others or text]
    data = BOM * is_marked + written([header, *body], separator, quoting=quoting)
    expected = [row[-1] for row in body]
    if others or separator == usual_separator(name):
        assert texts(read(data, name)) == expected
    assert texts(read(data, name, csv_delimiter=separator)) == expected
    if separator == "\t":
        assert texts(read(data, name, csv_delimiter="tab")) == expected


@given(rows=tables, separator=st.sampled_from([*SEPARATORS, ":", "§", " "]))
def test_a_separator_that_is_named_is_taken(rows: list[list[str]], separator: str) -> None:
    data = written([["id", "text"], *rows], separator)
    assert texts(read(data, csv_delimiter=separator)) == [text for _, text in rows]


@given(rows=tables, separator=st.sampled_from(SEPARATORS))
def test_escaped_quotes_are_read_with_the_flag(rows: list[list[str]], separator: str) -> None:
    """As written with `doublequote=False`, and by doubling too."""
    for settings in ({"doublequote": False, "escapechar": "\\"}, {"escapechar": "\\"}):
        data = written([["id", "text"], *rows], separator, quoting=csv.QUOTE_ALL, **settings)
        assert texts(read(data, csv_escape="\\")) == [text for _, text in rows]


def test_a_line_that_names_the_separator_is_followed() -> None:
    for line in (b"sep=|\r\n", BOM + b"\r\nsep=|\n"):
        assert texts(read(line + b"id|text\n1|a, b\n")) == ["a, b"]
    with pytest.raises(ShardError, match="There is no column 'text'; the columns are sep="):
        read(b"sep=|\nid|text\n", csv_delimiter=",")


@pytest.mark.parametrize("settings", [{}, {"csv_escape": "!"}])
@given(
    pieces=st.lists(st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", "!"]), max_size=30),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_a_row_ends_where_the_csv_module_ends_it(
    settings: dict[str, str], pieces: list[str], cuts: list[int]
) -> None:
    """The oracle: how many lines the module takes for the row; in whatever pieces it comes."""
    text = "".join(pieces)
    escape = settings.get("csv_escape", "")
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    reader = csv.reader(lines(), strict=True, escapechar=escape or None)
    try:
        assume(next(reader, None) is not None)
    except csv.Error as error:
        assume("unexpected end" not in str(error))
    row = "".join(taken)
    quotes = Quotes(",", escape)
    for line in taken[:-1]:
        quotes.follow(line)
        assert not quotes.ended
    edges = sorted({0, len(taken[-1]), *(cut % (len(taken[-1]) + 1) for cut in cuts)})
    # The csv module takes a line break of two characters as one.
    edges = [edge for edge in edges if taken[-1][edge - 1 : edge + 1] != "\r\n"]
    for start, stop in itertools.pairwise(edges):
        quotes.follow(taken[-1][start:stop])
        assert quotes.ended == (stop == len(taken[-1]) and row.endswith(("\r", "\n")))


good_rows = st.lists(
    st.tuples(
        st.sampled_from(["1", "", "2,3", "x y"]),
        st.sampled_from(["Maria left.", "a, b", 'he said "no"', "", "two\nlines"]),
        st.sampled_from(["", "nl"]),
    ).map(list),
    min_size=1,
    max_size=6,
)


@given(
    before=good_rows,
    behind=good_rows,
    bad=st.sampled_from(['7,"never ends,x', '7,x,"', '"7,a,b', '7,"a ""b"", c,x', '7,"end" no,x']),
    separator=st.sampled_from(SEPARATORS),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_quote_that_does_not_end_swallows_no_good_row(
    before: list[list[str]], behind: list[list[str]], bad: str, separator: str, end: str
) -> None:
    """Whatever the rows around it hold, those of one line mostly."""
    assume(sum("\n" not in row[1] for row in behind) * 2 >= len(behind))
    assume("\n" not in behind[0][1])
    settings = {"lineterminator": end}
    start = written([["id", "text", "lang"], *before], separator, **settings)
    rows = written(behind, separator, **settings)
    broken = (bad.replace(",", separator) + end).encode()
    records = read(start + broken + rows)
    expected = [row[1] for row in before], [row[1] for row in behind]
    assert texts(records) == [*expected[0], None, *expected[1]]
    letter = records[len(before)]
    assert isinstance(letter, DeadLetter)
    assert letter.raw == broken
    assert [record.record for record in records] == list(range(len(records)))


def test_several_quotes_that_do_not_end_cost_a_row_each() -> None:
    rows = [b'1,"open\n', b"2,good\n", b'3,"open\n', b'4,"good, too"\n', b"5,good\n", b'6,"open\n']
    records = read(b"id,text\n" + b"".join(rows) + b"7,good\n8,good\n")
    assert texts(records) == [None, "good", None, "good, too", "good", None, "good", "good"]
    letters = [record for record in records if isinstance(record, DeadLetter)]
    assert [(letter.raw, letter.message) for letter in letters] == [
        (row, NO_END) for row in (rows[0], rows[2], rows[5])
    ]


@pytest.mark.parametrize(
    ("row", "error"),
    [
        # Its quotes stand within words, so that the lines are text.
        (b'2,"Dear all,\nthe "good" one, x\nBye"\n', "',' expected after"),
        # Most of its lines are no rows.
        (b'2,"Dear all\nno row\nnor this\n3,b\n4,"x" y\n', "',' expected after"),
    ],
)
def test_lines_that_are_text_of_a_malformed_row_make_no_documents(row: bytes, error: str) -> None:
    first, letter, *_, last = read(b"id,text\n1,a\n" + row + b"9,z\n")
    assert texts([first, last]) == ["a", "z"]
    assert isinstance(letter, DeadLetter)
    assert error in letter.message
    assert letter.raw is not None
    assert letter.raw.startswith(row[:20])


def test_a_row_of_many_lines_stays_one_where_its_quote_ends() -> None:
    """Also where its lines look like rows."""
    text = "see:\n1,a\n2,b\n3,c"
    assert texts(read(f'id,text\n1,"{text}"\n2,x\n'.encode())) == [text, "x"]


def test_a_quote_that_does_not_end_within_the_limit_of_a_record() -> None:
    """Rows that show themselves as such are read; a text that is large is one dead letter."""
    rows = b"".join(b"%d,Maria left Lisbon\n" % number for number in range(60_000))
    records = read(b'id,text\n0,"open\n' + rows, max_record_mb=1)  # type: ignore[arg-type]  # by name
    assert isinstance(records[0], DeadLetter)
    assert records[0].message == NO_END
    assert texts(records[1:]) == ["Maria left Lisbon"] * 60_000
    text = b"a line of text, and more, and more\n" * 40_000
    first, second = read(b'id,text\n0,"' + text + b'"\n1,a\n', max_record_mb=1)  # type: ignore[arg-type]  # by name
    assert isinstance(first, DeadLetter)
    assert first.error == "RecordSizeError"
    assert texts([second]) == ["a"]


@pytest.mark.parametrize(
    ("delimiter", "escape", "message"),
    [
        ("", "", "--csv_delimiter is '', expected auto, tab or one character"),
        ("\n", "", "expected auto, tab or one character, but no quote and no line break"),
        (";", ";", "--csv_escape is ';', expected one character, neither a quote nor a line"),
        ("auto", "|", "nor a line break nor the delimiter"),
        ("auto", '"', "--csv_escape is '\"', expected one character"),
    ],
)
def test_what_no_csv_can_have_is_refused(delimiter: str, escape: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        ReadConfig(csv_delimiter=delimiter, csv_escape=escape)
    assert message in str(caught.value)


def test_a_separator_that_was_found_out_is_told_where_it_is_not_the_usual_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,a\n")
    (tmp_path / "b.tsv").write_text("id\ttext\n1\ta\n")
    config = ReadConfig()

    def told() -> list[str]:
        return separator_warnings(plan_shards(match_files([str(tmp_path)]), config), config)

    assert told() == []
    (tmp_path / "c.csv").write_text("id;text\n1;a\n")
    (tmp_path / "d.csv").write_text("id;text\n1;a\n")
    (tmp_path / "e.tsv").write_text("id,text\n1,a\n")
    (tmp_path / "f.csv").write_text("no such column")
    others = "and of 1 more of the 6 csv files looked at."
    assert told() == [
        f"--csv_delimiter auto: semicolons separate the values of {tmp_path}/c.csv {others}",
        f"--csv_delimiter auto: commas separate the values of {tmp_path}/e.tsv.",
    ]
    config = ReadConfig(csv_delimiter=";")
    assert told() == []


@given(
    width=st.integers(2, 5),
    rows=st.integers(4, 9),
    behind=st.integers(0, 3),
    separator=st.sampled_from(SEPARATORS),
)
def test_a_quote_within_a_later_value_ends_no_row_that_swallowed_others(
    width: int, rows: int, behind: int, separator: str
) -> None:
    """Values that are not quoted may hold quotes; of four rows none looks like prose."""
    names = ["text", *(f"c{number}" for number in range(1, width))]
    lines = [separator.join([f"t{n}", *["v"] * (width - 1)]) for n in range(rows + behind)]
    quoting = separator.join(['a "b" c', *["v"] * (width - 1)])
    table = [separator.join(names), f'"open{lines[0]}', *lines[:rows], quoting, *lines[rows:]]
    records = read(("\n".join(table) + "\n").encode(), csv_delimiter=separator)
    good = [f"t{n}" for n in range(rows + behind)]
    assert texts(records) == [None, *good[:rows], 'a "b" c', *good[rows:]]


def test_one_row_with_tabs_is_enough() -> None:
    records = read(b'id\ttext\n1\t"open\n2\tgood\n3\ta "b" c\n4\tz\n', "in.tsv")
    assert texts(records) == [None, "good", 'a "b" c', "z"]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_header_within_a_file_is_no_document(quoting: int) -> None:
    """Files were joined, as `cat` does; one column alone may hold the word that names it."""
    part = written([["id", "text"], ["1", "Maria left."]], ",", quoting=quoting)
    records = read(part * 3)
    assert texts(records) == ["Maria left.", None, "Maria left.", None, "Maria left."]
    letter = records[1]
    assert isinstance(letter, DeadLetter)
    assert letter.message == "The row repeats the header: files were joined there."
    assert letter.raw == part.splitlines(keepends=True)[0]
    assert texts(read(b"text\na\ntext\n")) == ["a", "text"]
