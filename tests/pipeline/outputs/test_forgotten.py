"""What was forgotten is known again, by its salted hash, wherever a record may hold it."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.encodings import codecs_of
from pipeline.outputs.forgotten import (
    ForgottenNames,
    forgotten_path,
    new_names,
    read_forgotten,
    usual_spelling,
    withholding,
    write_forgotten,
)
from schemas.errors import JobError, UsageError
from schemas.records import DeadLetter, Document

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SALT = ForgottenNames(b"s" * 32)


def unread(raw: bytes, source: str = "/in/a", record: int = 3) -> DeadLetter:
    return DeadLetter(source, record, None, "ReadDocuments", "RecordError", "Bad.", raw, len(raw))


@given(NAMES, NAMES, NAMES, st.sampled_from(["doc_id", "source", "pair"]))
def test_a_document_is_withheld_by_its_id_its_source_or_both(
    source: str, doc_id: str, other: str, kind: str
) -> None:
    is_same = usual_spelling(other) == usual_spelling(doc_id)
    match kind:
        case "doc_id":
            names = SALT.with_names("doc_id", [(doc_id,)])
            expected = [True, True, is_same]
        case "source":
            names = SALT.with_names("source", [(source,)])
            expected = [True, other == source, True]
        case _:
            names = SALT.with_names("pair", [(source, doc_id)])
            expected = [True, other == source, is_same]
    found = [(source, doc_id), (other, doc_id), (source, other)]
    assert [names.withholds(Document(i, s, 0, "")) for s, i in found] == expected
    assert not SALT.withholds(Document(doc_id, source, 0, ""))


@pytest.mark.parametrize(
    ("forgotten", "same", "others"),
    [
        ("7", ["7.0", "7.00", " 7", "7\t"], ["07", "7.5", "7.", "70", "-7", "7.0.0"]),
        ("7.0", ["7", "7.00"], ["7.1"]),
        ("v1", ["v1 "], ["v1.0", "V1"]),
        ("zo\xeb", ["zoe\u0308", "\xa0zo\xeb"], ["zoe", "Zo\xeb"]),
        (" ", [], ["", "  "]),
    ],
)
def test_an_id_is_known_in_the_spelling_of_another_format(
    forgotten: str, same: list[str], others: list[str]
) -> None:
    """A number of Parquet comes back as a decimal, or as pandas writes it beside gaps."""
    for names in (
        SALT.with_names("doc_id", [(forgotten,)]),
        SALT.with_names("pair", [("/in/a", forgotten)]),
    ):
        known = {
            i for i in (forgotten, *same, *others) if names.withholds(Document(i, "/in/a", 0, ""))
        }
        assert known == {forgotten, *same}


@given(NAMES)
def test_the_usual_spelling_of_an_id_is_its_own(doc_id: str) -> None:
    assert usual_spelling(usual_spelling(doc_id)) == usual_spelling(doc_id)


@given(NAMES, st.booleans())
def test_a_record_without_an_id_is_known_by_a_whole_value_in_its_bytes(
    name: str, is_ascii: bool
) -> None:
    """As json and csv write it."""
    names = SALT.with_names("doc_id", [(name,)])
    row = {"a": 1, "id": name, "text": None}
    assert names.withholds(unread(json.dumps(row, ensure_ascii=is_ascii).encode()))
    if name == name.strip() and not set(name) & set("\0\r\n"):
        table = io.StringIO()
        csv.writer(table).writerow(["x", name, "only one more"])
        assert names.withholds(unread(table.getvalue().encode()))
    longer = json.dumps({"id": f"1{name}", "text": f"of {name} and others"}).encode()
    assert not names.withholds(unread(longer))


@pytest.mark.parametrize(
    ("raw", "is_known"),
    [
        (b'{"id": 7, "text": null}', True),
        (b'{"id":7}', True),
        (b'{"text": 1, "id": 7', True),
        (b"7,only one field\r\n", True),
        (b"a;b;7\n", True),
        (b'{"id": 7.0}', True),
        (rb'{"id": "\u0037"}', True),
        (b'{"id": "17", "text": null}', False),
        (b'{"id": 1, "text": "at 7 he met 7 ships"}', False),
        (b"7.5,a", False),
        (b"", False),
    ],
)
def test_a_number_is_known_as_forget_knows_it(raw: bytes, is_known: bool) -> None:
    assert SALT.with_names("doc_id", [("7",)]).withholds(unread(raw)) == is_known


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-be"])
def test_an_id_is_known_in_the_encoding_of_the_input(encoding: str) -> None:
    names = SALT.with_names("doc_id", [("café",)])
    row = '{"id": "café", "text": null}'
    for codec in codecs_of(encoding):
        assert names.withholds(unread(row.encode(codec)), encoding)
        assert not names.withholds(unread(row.replace("café", "cafés").encode(codec)), encoding)
        made = replace(unread(row.encode(codec)), doc_id="/in/a#3")
        assert names.withholds(made, encoding)
        assert not names.withholds(replace(made, doc_id="other"), encoding)


def test_a_record_is_known_by_its_place_where_it_has_no_id() -> None:
    by_place = SALT.with_names("record", [("/in/a", "3")])
    made = SALT.with_names("doc_id", [("/in/a#3",)])
    for names in (by_place, made):
        assert names.withholds(unread(b"{"))
        assert not names.withholds(unread(b"{", record=4))
        assert not names.withholds(unread(b"{", source="/in/b"))
    assert not by_place.withholds(Document("new", "/in/a", 3, ""))  # the file may have changed


def test_a_broken_forgotten_file_leaves_no_dead_letter_and_another_one_does() -> None:
    names = SALT.with_names("source", [("/in/a",)])
    letters = [
        DeadLetter(s, None, None, "ReadDocuments", "E", "Broke.") for s in ("/in/a", "/in/b")
    ]
    assert [names.withholds(letter) for letter in letters] == [True, False]


def test_the_list_is_written_and_read_again_and_names_nobody(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert read_forgotten(root) is None
    with pytest.raises(JobError, match="is gone"):
        withholding(root)
    first, second = new_names(), new_names()
    assert first.salt != second.salt
    names = first.with_names("doc_id", [("Maria",)]).with_names("source", [("/in/maria.txt",)])
    write_forgotten(root, names)
    assert read_forgotten(root) == names
    assert b"aria" not in Path(forgotten_path(root)).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["forgotten.json"]
    assert not names.hashes & second.with_names("doc_id", [("Maria",)]).hashes
    screen = withholding(root)
    assert screen(Document("Maria", "/in/b", 0, "")) == "withheld"
    assert screen(Document("Mario", "/in/b", 0, "")) is None


@pytest.mark.parametrize(
    "data",
    [
        *("{", "[]", "{}", "[" * 100_000, '{"version": 1, "salt": "x", "hashes": []}'),
        json.dumps({"version": 1, "salt": "00" * 32, "hashes": "00"}),
    ],
)
def test_a_damaged_list_is_refused(tmp_path: Path, data: str) -> None:
    (tmp_path / "forgotten.json").write_text(data)
    with pytest.raises(UsageError, match=r"forgotten\.json is"):
        read_forgotten(str(tmp_path))
    (tmp_path / "forgotten.json").write_text('{"version": 2, "salt": "00", "hashes": []}')
    with pytest.raises(UsageError, match="another version"):
        read_forgotten(str(tmp_path))
