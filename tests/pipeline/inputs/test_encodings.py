"""Text in any encoding: decoded exactly, a record for each line, its place that of its bytes."""

import codecs
import csv
import encodings
import io
import itertools
import json
import pkgutil
import re
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.inputs.encodings import encoding_name
from pipeline.inputs.files import InputFile
from pipeline.inputs.formats import ReadConfig, Record, ShardError, read_records
from pipeline.inputs.shards import plan_shards
from schemas.errors import UsageError
from schemas.records import DeadLetter, Document, Shard

WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# Escapes what it cannot write, so that text which looks like an escape does not come back.
NOT_EXACT = "raw-unicode-escape"
CHARACTERS = [
    *map(chr, [*range(32, 127), *range(0xA0, 0x180), *range(0x3B1, 0x3CA), *range(0x410, 0x450)]),
    *map(chr, [*range(0x5D0, 0x5EB), *range(0x3041, 0x3060), *range(0x4E00, 0x4E40), 0xAC00]),
    *"\u0a0a\u0a0b\u0b0a\u0d0a\u2028\U0001f600",  # with bytes of a line break in UTF-16
]


def every_encoding() -> list[str]:
    names = set()
    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            names.add(encoding_name(module.name))
        except UsageError:
            continue
    return sorted(names - {NOT_EXACT})


@cache
def characters_of(name: str) -> list[str]:
    """Those of `CHARACTERS` that the encoding has."""
    known = []
    for sign in CHARACTERS:
        try:
            if sign.encode(name).decode(name) == sign:
                known.append(sign)
        except UnicodeError:
            continue
    return known


def read(
    data: bytes, name: str, encoding: str, start: int = 0, stop: int | None = None
) -> list[Record]:
    shard = Shard("in.x", name, start, stop, len(data), "")
    return list(read_records(io.BytesIO(data), shard, ReadConfig(encoding=encoding)))


def texts_of(records: Sequence[Record]) -> list[str]:
    return [record.text if isinstance(record, Document) else record.message for record in records]


def test_many_encodings_are_known() -> None:
    assert len(every_encoding()) > 90
    assert {encoding_name(alias) for alias in ("latin-1", "Latin1", "L1")} == {"iso8859-1"}
    assert encoding_name("UTF8") == encoding_name("utf-8-sig") == "utf-8"
    assert encoding_name("windows-1252") == "cp1252"


@given(data=st.data(), encoding=st.sampled_from(every_encoding()), breaks=st.sampled_from("\n\r"))
def test_any_text_comes_through_in_any_encoding(
    data: st.DataObject, encoding: str, breaks: str
) -> None:
    """Written by Python's encoder as a whole, read record by record."""
    signs = st.text(st.sampled_from(characters_of(encoding)), max_size=20)
    texts = data.draw(st.lists(signs, min_size=1, max_size=6))
    end = "\n" if breaks == "\n" else "\r\n"
    rows = [json.dumps({"id": n, "text": t}, ensure_ascii=False) for n, t in enumerate(texts)]
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator=end).writerows([["id", "text"], *enumerate(texts)])
    sources = {
        "lines": end.join([*texts, ""]),
        "jsonl": end.join(rows),
        "csv": table.getvalue(),
    }
    for name, source in sources.items():
        assert texts_of(read(source.encode(encoding), name, encoding)) == texts, name
    (whole,) = read(texts[0].encode(encoding), "text", encoding)
    assert texts_of([whole]) == [texts[0]]


@given(
    texts=st.lists(st.text(st.sampled_from(CHARACTERS), max_size=9), min_size=1, max_size=6),
    encoding=st.sampled_from(WIDE),
    is_marked=st.booleans(),
    name=st.sampled_from(["lines", "jsonl", "csv", "text"]),
)
def test_a_byte_order_mark_is_dropped_and_tells_the_order(
    texts: list[str], encoding: str, is_marked: bool, name: str
) -> None:
    """And `record` is the byte of the stored file at which the record begins."""
    if name == "jsonl":
        lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    elif name == "csv":
        lines = ["text", *(f'"{text}"'.replace('"', '""')[1:-1] for text in texts)]
    else:
        lines = texts
    source = "\n".join([*lines, ""])
    data = ("\ufeff" * is_marked + source).encode(encoding)
    expected = [source] if name == "text" else texts
    records = read(data, name, encoding)
    assert texts_of(records) == expected
    if is_marked:
        assert read(data, name, encoding[:6]) == records
    if name in {"lines", "jsonl"}:
        sizes = [len(f"{line}\n".encode(encoding)) for line in lines]
        sizes[0] += len("\ufeff".encode(encoding)) * is_marked
        assert [r.record for r in records] == [0, *itertools.accumulate(sizes[:-1])]


@given(
    data=st.lists(
        st.sampled_from([b"\n", b"\0", b"\n\0", b"\0\n", b"a\0", b"\0\xd8", b"\x0a\x0a", b"\r\0"]),
        max_size=20,
    ).map(b"".join),
    encoding=st.sampled_from(WIDE),
)
def test_lines_of_wide_encodings_are_what_stands_between_line_breaks(
    data: bytes, encoding: str
) -> None:
    """The oracle goes from unit to unit; what does not decode is a dead letter with its bytes."""
    newline = "\n".encode(encoding)
    width, begin = len(newline), 0
    expected: list[tuple[int, str | bytes]] = []
    for at in range(0, len(data), width):
        end = at + width
        if data[at:end] == newline or end >= len(data):
            line = data[begin:end]
            try:
                text = line.decode(encoding)
                text = text[:-1].removesuffix("\r") if text.endswith("\n") else text
                expected.append((begin, text))
            except UnicodeDecodeError:
                expected.append((begin, line))
            begin = end
    if "\ufeff".encode(encoding) == data[:width]:
        return
    found: list[tuple[int, str | bytes]] = []
    for record in read(data, "lines", encoding):
        assert record.record is not None
        if isinstance(record, Document):
            found.append((record.record, record.text))
        elif "full of NUL" in record.message:
            found.append((record.record, expected[len(found)][1]))
        else:
            assert f"not valid {encoding.upper()}: byte 0x" in record.message
            found.append((record.record, record.raw or b""))
    assert found == expected


@example(texts=["[", ":"], name="jsonl", seeds=[1])
@given(
    texts=st.lists(st.text(st.sampled_from(CHARACTERS[:180]), max_size=9), max_size=9),
    name=st.sampled_from(["lines", "jsonl"]),
    seeds=st.lists(st.integers(0, 400), max_size=6),
)
def test_ranges_give_the_records_of_the_whole(
    texts: list[str], name: str, seeds: list[int]
) -> None:
    """Of encodings whose line break is one byte; what is refused is refused in each range."""
    data = "\n".join(texts).encode("cp1252", "ignore")
    cuts = sorted({0, len(data), *(seed % (len(data) + 1) for seed in seeds)})
    ranges = list(itertools.pairwise(cuts))
    try:
        whole = read(data, name, "cp1252")
    except ShardError as error:
        for start, stop in ranges:
            with pytest.raises(ShardError, match=re.escape(str(error))):
                read(data, name, "cp1252", start, stop)
        return
    parts = [read(data, name, "cp1252", *cut) for cut in ranges]
    assert [record for part in parts for record in part] == whole


def test_only_files_whose_line_break_is_one_byte_are_read_in_ranges() -> None:
    files = [InputFile("a.jsonl", 1000, "")]
    assert len(plan_shards(files, ReadConfig(encoding="cp1252"), 100)) == 10
    for encoding in ("utf-16", *WIDE):
        assert len(plan_shards(files, ReadConfig(encoding=encoding), 100)) == 1


@pytest.mark.parametrize(
    ("name", "before", "bad", "behind"),
    [
        ("lines", "Ä\n", "x", "\nÖ\n"),
        ("jsonl", '{"text": "Ä"}\n', '{"text": "x"}', '\n{"text": "Ö"}\n'),
        ("csv", "id,text\n1,Ä\n", "2,x", "\n3,Ö\n"),
    ],
)
@pytest.mark.parametrize(
    ("encoding", "odd", "said"),
    [
        ("cp1252", b"\x81", "CP1252: byte 0x81"),
        ("shift_jis_2004", b"\xfd", "SHIFT_JIS_2004: byte 0xfd"),
        ("utf-16-le", b"\x00\xd8", "UTF-16-LE: byte 0x00"),
        ("utf-32-be", b"\x00\x11\x00\x00", "UTF-32-BE: byte 0x00"),
    ],
)
def test_bytes_that_do_not_decode_cost_their_record(
    name: str, before: str, bad: str, behind: str, encoding: str, odd: bytes, said: str
) -> None:
    broken = bad.encode(encoding).replace("x".encode(encoding), odd)
    data = before.encode(encoding) + broken + behind.encode(encoding)
    first, letter, last = read(data, name, encoding)
    assert texts_of([first, last]) == ["Ä", "Ö"]
    assert isinstance(letter, DeadLetter)
    assert (letter.error, letter.raw) == ("UnicodeDecodeError", broken + "\n".encode(encoding))
    at = broken.index(odd)
    assert letter.message == f"The record is not valid {said} at offset {at}."


@pytest.mark.parametrize(
    ("encoding", "mark", "message"),
    [
        ("utf-8", codecs.BOM_UTF16_LE, "UTF-16 by its byte order mark: --encoding utf-16."),
        ("utf-8", codecs.BOM_UTF16_BE, "UTF-16 by its byte order mark: --encoding utf-16."),
        ("utf-8", codecs.BOM_UTF32_LE, "UTF-32 by its byte order mark: --encoding utf-32."),
        ("utf-8", codecs.BOM_UTF32_BE, "UTF-32 by its byte order mark: --encoding utf-32."),
        ("cp1252", codecs.BOM_UTF8, "UTF-8 by its byte order mark, not CP1252: --encoding utf-8."),
        ("utf-16-be", codecs.BOM_UTF16_LE, "mark, not UTF-16-BE: --encoding utf-16."),
        ("utf-16", b"", "no byte order mark: --encoding utf-16-le or utf-16-be, not utf-16."),
        ("utf-32", b"", "no byte order mark: --encoding utf-32-le or utf-32-be, not utf-32."),
    ],
)
@pytest.mark.parametrize("name", ["lines", "jsonl", "csv", "text"])
def test_a_mark_that_does_not_fit_the_encoding_breaks_the_file(
    name: str, encoding: str, mark: bytes, message: str
) -> None:
    with pytest.raises(ShardError) as caught:
        read(mark + b"text, more text", name, encoding)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize("name", ["lines", "csv"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_an_empty_file_is_empty_in_any_encoding(name: str, encoding: str) -> None:
    assert read(b"", name, encoding) == []


def test_json_in_another_encoding_is_refused_before_the_run() -> None:
    message = "--encoding cp1252 is for jsonl, lines, text and csv, and a.json is read as json"
    with pytest.raises(UsageError, match=message):
        plan_shards([InputFile("a.json", 1, "")], ReadConfig(encoding="cp1252"))


def test_a_large_line_of_a_wide_encoding_is_a_dead_letter_and_the_next_is_read() -> None:
    lines = ["Ada", "\u0a0a" * 600_000, "Bo"]
    for encoding in WIDE:
        first, large, last = read("\n".join(lines).encode(encoding), "lines", encoding)
        assert texts_of([first, last]) == ["Ada", "Bo"]
        assert isinstance(large, Document)
        data = "\n".join(lines).encode(encoding)
        shard = Shard("in.x", "lines", 0, None, len(data), "")
        config = ReadConfig(encoding=encoding, max_record_mb=1)
        found = list(read_records(io.BytesIO(data), shard, config))
        assert texts_of([found[0], found[2]]) == ["Ada", "Bo"]
        letter = found[1]
        assert isinstance(letter, DeadLetter)
        assert letter.raw_size == len(f"{lines[1]}\n".encode(encoding))
