"""Reading shards without Beam: every record once, as it stands in the file, or as a dead letter."""

import io
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.formats import FORMATS, ReadConfig, Record, ShardError, read_records
from schemas.errors import UsageError
from schemas.records import DeadLetter, Document, Shard

ROOT = Path(__file__).resolve().parents[4]
BOM = b"\xef\xbb\xbf"
DEFAULT = ReadConfig()


def read(data: bytes, name: str, config: ReadConfig = DEFAULT) -> list[Record]:
    return read_range(data, name, 0, None, config)


def read_range(
    data: bytes, name: str, start: int, stop: int | None, config: ReadConfig = DEFAULT
) -> list[Record]:
    shard = Shard("in.x", name, start, stop, len(data), "")
    return list(read_records(io.BytesIO(data), shard, config))


def one(data: bytes, name: str = "jsonl", config: ReadConfig = DEFAULT) -> Document:
    (record,) = read(data, name, config)
    assert isinstance(record, Document), record
    return record


def dead(data: bytes, name: str = "jsonl", config: ReadConfig = DEFAULT) -> DeadLetter:
    (record,) = read(data, name, config)
    assert isinstance(record, DeadLetter), record
    return record


# Pieces that decide where lines begin and end, in any order and number.
line_pieces = st.lists(
    st.sampled_from(
        [
            *(b"\n", b"\r\n", b"\r", b"", b" ", b"Oslo", "Čapek é 😀".encode()),
            *(b"\xff", BOM, b"\x85", b'{"text": null}', b"{"),
            *(b'{"text": "Ada"}', b'{"id": 7, "text": "a\\nb"}'),
        ]
    ),
    max_size=25,
).map(b"".join)


@given(
    data=line_pieces,
    bom=st.booleans(),
    name=st.sampled_from(["lines", "jsonl"]),
    seeds=st.lists(st.integers(0, 400), max_size=8),
)
def test_ranges_of_any_cut_give_the_records_of_the_whole(
    data: bytes, bom: bool, name: str, seeds: list[int]
) -> None:
    data = BOM * bom + data
    cuts = sorted({0, len(data), *(seed % (len(data) + 1) for seed in seeds)})
    parts: list[Record] = []
    for start, stop in itertools.pairwise(cuts):
        part = read_range(data, name, start, stop)
        assert all(start <= (record.record or 0) < stop for record in part)
        parts += part
    assert parts == read(data, name)


@given(data=line_pieces)
def test_lines_are_what_stands_between_newlines(data: bytes) -> None:
    """The oracle: split at every newline, byte by byte, without a BOM at the start."""
    expected, position = [], 0
    pieces = data.split(b"\n")
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        body = piece if last else piece.removesuffix(b"\r")
        if position == 0:
            body = body.removeprefix(BOM)
        if not last or body:
            expected.append((position, body))
        position += len(piece) + 1
    found = []
    for record in read(data, "lines"):
        if isinstance(record, Document):
            found.append((record.record, record.text.encode()))
        else:
            assert record.raw is not None
            body = record.raw
            if body.endswith(b"\n"):
                body = body.removesuffix(b"\n").removesuffix(b"\r")
            found.append((record.record or 0, body))
    assert found == expected


@given(data=st.binary(max_size=300), name=st.sampled_from(["jsonl", "lines", "text", "csv"]))
def test_no_bytes_make_a_reader_raise_anything_but_a_shard_error(data: bytes, name: str) -> None:
    try:
        records = read(b"text\n" + data if name == "csv" else data, name)
    except ShardError:
        return
    assert all(record.record is not None for record in records)


def test_jsonl_reads_ids_texts_kept_fields_and_offsets() -> None:
    data = (
        BOM + b'{"id": "a", "text": "x\\r\\ny", "year": 1892, "tags": ["\xc3\xa9"]}\r\n'
        b"\n  \t\r\n"
        b'{"id": 5, "text": "", "year": null, "tags": "plain"}\n'
        b'{"text": "no id", "ok": true}'
    )
    records = read(data, "jsonl", ReadConfig(keep_fields=("year", "tags")))
    second = data.index(b'{"id": 5')
    third = data.index(b'{"text": "no id"')
    assert records == [
        Document("a", "in.x", 0, "x\r\ny", ("1892", '["é"]')),
        Document("5", "in.x", second, "", (None, "plain")),
        Document(f"in.x#{third}", "in.x", third, "no id", (None, None)),
    ]


def test_dotted_paths_reach_into_objects_and_a_literal_key_comes_first() -> None:
    paths = ReadConfig(id_field="m.id", text_field="m.body.text", keep_fields=("m.x.y",))
    line = b'{"m": {"id": 3, "body": {"text": "deep"}, "x": "no object"}}'
    assert one(line, config=paths) == Document("3", "in.x", 0, "deep", (None,))
    assert (
        one(b'{"m.id": "lit", "m": {"id": 3, "body": {"text": "t"}}}', config=paths).doc_id == "lit"
    )


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        (b'{"text": ', "JSONDecodeError", "The record is not valid JSON: Expecting value at char"),
        (b'{"text": "a"} x', "JSONDecodeError", "not valid JSON: Extra data at character 13."),
        (b"[1]", "RecordError", "The record is an array, not a JSON object."),
        (b"null", "RecordError", "The record is null, not a JSON object."),
        (b"1.5", "RecordError", "The record is a number, not a JSON object."),
        (b'{"id": "k"}', "RecordError", "The text field 'text' is missing or null."),
        (b'{"text": null}', "RecordError", "The text field 'text' is missing or null."),
        (b'{"text": 7}', "RecordError", "The text field 'text' holds a number, not a string."),
        (b'{"text": {}}', "RecordError", "The text field 'text' holds an object, not a string."),
        (b'{"text": "a\xff"}', "UnicodeDecodeError", "not valid UTF-8: byte 0xff at offset 11."),
        (b'{"text": "a\\ud800"}', "UnicodeEncodeError", "a lone surrogate, U+D800, which UTF-8"),
        (b'{"text": "a", "k": ["\\uDC00"]}', "UnicodeEncodeError", "surrogate, U+DC00"),
        (b'{"id": "\\ud83d", "text": "a"}', "UnicodeEncodeError", "surrogate, U+D83D"),
        (b'{"id": true, "text": "a"}', "RecordError", "The id field 'id' holds a boolean, not a"),
        (b'{"id": 1.5, "text": "a"}', "RecordError", "holds a number, not a string or an integer"),
        (b'{"id": [], "text": "a"}', "RecordError", "The id field 'id' holds an array, not a str"),
        (b'{"text": ' + b"[" * 99999, "RecursionError", "The record is JSON nested too deeply"),
        (b'{"text": ' + b"1" * 9999 + b"}", "ValueError", "The record cannot be read: Exceeds the"),
    ],
)
def test_a_bad_json_record_is_one_dead_letter(line: bytes, error: str, message: str) -> None:
    letter = dead(line, config=ReadConfig(keep_fields=("k",)))
    assert (letter.source, letter.record, letter.stage) == ("in.x", 0, "ReadDocuments")
    assert letter.error == error
    assert message in letter.message
    assert letter.message.endswith(".")
    assert "\n" not in letter.message
    assert letter.raw == line[: 64 * 1024]
    letter.message.encode()


def test_a_float_id_that_is_an_integer_is_that_integer_and_nan_is_a_missing_one() -> None:
    assert one(b'{"id": 1.0, "text": "a"}').doc_id == "1"
    assert one(b'{"id": -2e3, "text": "a"}').doc_id == "-2000"
    assert one(b'{"id": NaN, "text": "a"}').doc_id == "in.x#0"


def test_a_dead_letter_names_the_id_that_could_be_read() -> None:
    assert dead(b'{"id": "k", "text": 1}').doc_id == "k"
    assert dead(b'{"id": "\\ud800", "text": "a"}').doc_id is None


def test_paired_surrogate_escapes_are_one_character() -> None:
    assert one(b'{"text": "\\ud83d\\ude00"}').text == "😀"


def test_a_bad_record_leaves_its_neighbours_alone() -> None:
    records = read(b'{"text": "a"}\n{"text": \xff}\n{"text": "b"}\n', "jsonl")
    assert [type(record) for record in records] == [Document, DeadLetter, Document]
    assert [record.record for record in records] == [0, 14, 26]


def test_a_lone_bom_is_an_empty_file() -> None:
    assert read(BOM, "lines") == []
    assert read(BOM, "jsonl") == []
    assert read(BOM + b"\n", "lines") == [Document("in.x#0", "in.x", 0, "")]
    assert one(BOM, "text").text == ""


def test_text_is_one_document_whatever_it_holds() -> None:
    assert one(BOM + b"a\r\n\rb\n\n", "text") == Document("in.x#0", "in.x", 0, "a\r\n\rb\n\n")
    letter = dead(b"ab\xe9c", "text")
    assert letter.message == "The record is not valid UTF-8: byte 0xe9 at offset 2."
    assert letter.raw == b"ab\xe9c"


@pytest.mark.parametrize("name", ["text", "lines"])
def test_formats_without_fields_keep_nulls(name: str) -> None:
    """One value a kept field, whatever the format: a run may read several."""
    assert one(b"a", name, ReadConfig(keep_fields=("year", "title"))).fields == (None, None)


def test_range_that_skips_a_long_line_reads_no_further_than_its_end() -> None:
    """Else a line of 1 GB would be read once for each of its ranges."""
    stream = io.BytesIO(b"x" * 10_000)
    shard = Shard("in.x", "lines", 100, 200, 100, "")
    assert list(read_records(stream, shard, ReadConfig())) == []
    assert stream.tell() == 200


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"input_format": "xml"}, "--input_format 'xml' is none of auto, jsonl, lines, text, csv"),
        ({"id_field": ""}, "--id_field must not be empty."),
        ({"text_field": ""}, "--text_field must not be empty."),
        ({"keep_fields": ("a", "")}, "--keep_fields holds an empty name."),
        ({"keep_fields": ("a", "b", "a")}, "--keep_fields names 'a' twice."),
        ({"keep_fields": ("text",)}, "--keep_fields 'text' is already a column of the documents"),
        ({"keep_fields": ("RUN_ID",)}, "'RUN_ID' is the column 'run_id' of the documents table to"),
        ({"keep_fields": ("Source",)}, "'Source' is the column 'source' of the documents table to"),
        ({"keep_fields": ("gleaner_file",)}, "'gleaner_file' is already a column of the documents"),
        ({"keep_fields": ("Étage", "étage")}, "'Étage' and 'étage' are one column to SQL, which"),
    ],
)
def test_a_configuration_that_fits_no_input_is_refused(
    config: dict[str, str | tuple[str, ...]], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        ReadConfig(**config)  # type: ignore[arg-type]  # by name
    assert message in str(caught.value)


def test_an_id_may_have_so_many_bytes_and_no_more() -> None:
    for long, fits in (("x" * 16_384, True), ("x" * 16_385, False), ("é" * 8193, False)):
        (record,) = read(json.dumps({"id": long, "text": "a"}).encode(), "jsonl")
        if fits:
            assert isinstance(record, Document)
            assert record.doc_id == long
        else:
            assert isinstance(record, DeadLetter)
            assert record.doc_id is None
            assert record.message == (
                f"The id field 'id' holds {len(long.encode()):,} bytes, more than the 16,384 that "
                "an id may have."
            )


def test_manifests_and_documentation_name_every_format() -> None:
    schema = (ROOT / "schemas/manifest.schema.json").read_text()
    (named,) = re.findall(r'"input_format": \{\s*"enum": (\[[^]]*\])', schema)
    assert json.loads(named) == ["auto", *FORMATS]
    page = (ROOT / "jobs/docs/pages/reference/formats.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE)
    assert dict(reversed(rows)) == {
        name: " ".join(f"`{extension}`" for extension in known.extensions)
        for name, known in FORMATS.items()
    }


def test_an_unknown_format_of_a_shard_is_refused() -> None:
    with pytest.raises(UsageError, match=r"in\.x has the unknown format 'xml'\."):
        read(b"", "xml")


def test_reading_knows_nothing_of_beam() -> None:
    """So it can be used and measured by itself, without what Beam costs at import."""
    inputs = "pipeline.inputs.formats, pipeline.inputs.compression"
    program = f"import sys, {inputs}; print('apache_beam' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    assert done.stdout == b"False\n"
