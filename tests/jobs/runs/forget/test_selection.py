"""Forget: which rows the ids and sources of the command mean, in whatever spelling and bytes."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.runs.forget.selection import Documents
from pipeline.outputs.forgotten import read_forgotten
from schemas.errors import UsageError
from schemas.records import DeadLetter, TaggedDocument
from tests.jobs.runs import conftest
from tests.jobs.runs.forget.forgetting import forget, mentions

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MadeOutput


def test_what_is_not_there_is_refused_and_nothing_changes(filled: "MadeOutput") -> None:
    files = filled.data()
    with pytest.raises(UsageError) as caught:
        forget(filled.root, "--doc_id", "secret", "nobody", "\udcff", "a")
    assert str(caught.value) == r"--doc_id '\udcff': no run has it; nothing was changed"
    with pytest.raises(UsageError, match=r"^--doc_id 'a' 'nobody': no run has it"):
        forget(filled.root, "--doc_id", "secret", "nobody", "a")
    with pytest.raises(UsageError, match=r"^--source /in/x: no run has read it"):
        forget(filled.root, "--source", "/in/a", "/in/x")
    assert filled.data() == files
    with pytest.raises(UsageError, match="--doc_id or --source is missing"):
        forget(filled.root)
    with pytest.raises(UsageError, match=r"^--doc_id 'b1': no run has it"):
        forget(filled.root, "--doc_id", "b1", "--source", "/in/a")
    assert filled.data() == files


def test_ids_in_another_spelling_are_named(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    """They stay, since they may be others; later runs withhold both."""
    output.commit("r1", output.read("/in/a", ("7", "7.0", "8.0", "9")))
    with pytest.raises(UsageError) as caught:
        forget(output.root, "--doc_id", "8")
    told = "--doc_id '8': no run has it, but '8.0', spelt otherwise; nothing was changed"
    assert str(caught.value) == told
    assert forget(output.root, "--doc_id", "7") == 0
    assert "runs have '7.0' too, which may be the same" in capsys.readouterr().out
    names = read_forgotten(output.root.as_posix())
    assert names is not None
    assert names.has("doc_id", "7")
    assert mentions(output.root / "documents", "7.0")
    assert forget(output.root, "--doc_id", "9") == 0
    assert "spelt otherwise" not in capsys.readouterr().out


def test_ids_are_forgotten_of_the_named_sources_alone(filled: "MadeOutput") -> None:
    """Also where each flag is given more than once."""
    filled.commit("more", filled.read("/in/d", ("secret", "b1"), ("hidden",)))
    before = filled.view()
    flags = ["--doc_id", "secret", "--doc_id", "b1", "--source", "/in/a", "--source", "/in/b"]
    assert forget(filled.root, *flags) == 0
    assert filled.view() == {
        table: [row for row in rows if "/in/d" in row or not re.search("secret|'b1'", row)]
        for table, rows in before.items()
    }
    assert mentions(filled.root / "documents/run_id=more", "secret")
    assert not mentions(filled.root / "documents/run_id=r2", "secret")
    assert not mentions(filled.root / "dead_letters/run_id=r1", "b1")
    filled.require_sound()


def test_a_second_try_forgets_what_an_earlier_one_left(filled: "MadeOutput") -> None:
    """What is gone already is on the list: it is no unknown name."""
    assert forget(filled.root, "--doc_id", "a1") == 0
    assert forget(filled.root, "--doc_id", "a1", "secret") == 0
    assert not mentions(filled.root, "secret")
    with pytest.raises(UsageError, match=r"^--doc_id 'nobody': no run has it"):
        forget(filled.root, "--doc_id", "a1", "nobody")


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"id": "7", "text": null}', True),
        (b'{"id": 7, "text": null}', True),
        (b'{"id":7}', True),
        (b'{"text": 1, "id": 7', True),
        (b"7,only one field\r\n", True),
        (b"a;b;7\n", True),
        (b'{"id": 7.0}', True),
        (rb'{"id": "\u0037"}', True),
        (b'a\t"7"\tb', True),
        (b'{"id": "17", "text": null}', False),
        (b'{"id": 70}', False),
        (b'{"id": 1, "text": "at 7 he met 7 ships"}', False),
        (b"7.5,a", False),
        (b"", False),
    ],
)
def test_a_record_without_an_id_is_known_by_the_value_in_its_bytes(raw: bytes, found: bool) -> None:
    assert names_in(raw, "7") == ({"7"} if found else set())


def names_in(raw: bytes, *names: str, source: str = "/in/a", record: int | None = 5) -> set[str]:
    rows = pa.table(
        {
            "doc_id": pa.array([None], pa.string()),
            "source": [source],
            "record": pa.array([record], pa.int64()),
            "raw": [raw],
        }
    )
    matches = Documents(frozenset(names)).matches("dead_letters", rows)
    assert matches.rows.to_pylist() == [bool(matches.names)]
    return matches.names


def test_odd_ids_are_known_as_json_and_csv_write_them() -> None:
    assert names_in(rb'{"id": "caf\u00e9 \"x\""}', 'café "x"') == {'café "x"'}
    assert names_in('{"id": "café"}'.encode(), "café", "cafe") == {"café"}
    assert names_in(rb'{"id": "caf\u00E9\/\uD83d\uDe00"}', "café/\U0001f600")
    assert names_in(b'"say ""hi""",text', 'say "hi"') == {'say "hi"'}
    assert names_in(b"no id here", "/in/a#5", "/in/a#50") == {"/in/a#5"}
    assert names_in(b"(.*),x", "(.*)", ".*") == {"(.*)"}


def test_ids_are_known_in_the_encodings_in_which_runs_have_read(output: "MadeOutput") -> None:
    """Also where the record has the id that its place makes: a run looked for it elsewhere."""
    output.commit("r1", Foreign("/in/a", unread=("café", "tea")), encoding="utf-16")
    assert forget(output.root, "--doc_id", "café") == 0
    (path,) = (output.root / "dead_letters").rglob("*.parquet")
    (raw,) = pq.read_table(path)["raw"].to_pylist()
    assert "tea" in raw.decode("utf-16-be")
    output.require_sound()


class Foreign(conftest.Read):
    """Records in UTF-16 that have no id of their own."""

    def letters(self) -> list[DeadLetter]:
        return [
            replace(
                letter,
                doc_id=f"{letter.source}#{letter.record}",
                raw=json.dumps(json.loads(letter.raw or b""), ensure_ascii=False).encode(
                    "utf-16-be"
                ),
            )
            for letter in super().letters()
        ]


class Unnamed(conftest.Read):
    """Of a record that first could not be read: a dead letter without its id, then a document."""

    def letters(self) -> list[DeadLetter]:
        return [replace(letter, raw=b"\xff") for letter in super().letters()]

    def tagged(self) -> list[TaggedDocument]:
        return [
            replace(one, document=replace(one.document, record=one.document.record + 1000))
            for one in super().tagged()
        ]


def test_a_dead_letter_goes_with_the_document_that_it_became(output: "MadeOutput") -> None:
    output.commit("r1", Unnamed("/in/a", unread=("a/b", "other")))
    output.commit("p1", Unnamed("/in/a", ("a/b", "other"), repairs="r1"))
    assert forget(output.root, "--doc_id", "a/b") == 0
    told = output.manifests()
    assert [told[name]["counts"]["records"] for name in ("r1", "p1")] == [1, 1]
    output.require_sound()


def test_inputs_that_cannot_be_looked_up_are_named(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    output.commit("r1", output.read("nowhere://bucket/a", ("a1",)))
    assert forget(output.root, "--source", "nowhere://bucket/a") == 0
    assert "nowhere://bucket/a could not be looked up: " in capsys.readouterr().out


def test_a_relative_source_may_lead_upwards(
    output: "MadeOutput", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    output.commit("r1", output.read(f"{tmp_path}/in/a", ("a1",)))
    assert forget(output.root, "--source", "../in/a") == 0
    assert output.view()["documents"] == []
