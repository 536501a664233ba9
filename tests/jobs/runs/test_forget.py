"""Forget: nothing of a document or a source is left in any byte below the output."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.runs import outputs
from jobs.runs.__main__ import run
from jobs.runs.forget.selection import Documents
from pipeline.outputs.forgotten import read_forgotten
from pipeline.run import run as extract
from schemas.errors import UsageError
from schemas.records import DeadLetter, TaggedDocument
from schemas.tables import TABLES
from tests.jobs.runs import conftest

if TYPE_CHECKING:
    from tests.jobs.conftest import EveryKill
    from tests.jobs.runs.conftest import MadeOutput


def forget(root: Path, *flags: str) -> int:
    return run(["forget", f"--output={root}", *flags])


def everything(root: Path) -> Iterator[bytes]:
    """All bytes of all files, and what is in Parquet files once it is decompressed.

    Columns are read as dictionaries, so that their words are those of the dictionary pages,
    whether a row has them or not.
    """
    for path in root.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
        if path.suffix == ".parquet":
            names = pq.read_schema(path).names
            rows = pq.read_table(path, read_dictionary=names)
            yield str(rows.to_pylist()).encode()
            for column in rows.columns:
                for chunk in column.chunks:
                    if isinstance(chunk, pa.DictionaryArray):
                        yield str(chunk.dictionary.to_pylist()).encode()
            yield str(pq.read_metadata(path).to_dict()).encode()


def mentions(root: Path, word: str) -> bool:
    return any(word.encode() in data for data in everything(root))


@pytest.fixture
def filled(output: "MadeOutput") -> "MadeOutput":
    """The documents `secret` and `hidden` in runs of every kind and in all tables."""
    read = output.read
    output.commit("r1", read("/in/a", ("a1", "secret", "a2")), read("/in/b", ("b1",), ("b2",)))
    output.commit("r2", read("/in/a", ("secret", "a1"), fingerprint="2"))
    output.commit("refused", read("/in/a", ("a1",), ("hidden",), ("secret",)), allowed=0.0)
    output.commit("p1", read("/in/b", ("b2",), repairs="r1"))
    output.commit("alone", read("/in/c", ("hidden",)), input=["/in/c", "c", "../in/c"])
    output.make_older("r1")
    return output


def test_a_document_is_gone_from_all_runs(
    filled: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    before, runs = filled.view(), filled.manifests()
    assert mentions(filled.root, "secret")
    assert forget(filled.root, "--doc_id", "secret") == 0
    assert capsys.readouterr().out == (
        "r1: 2 entities, 1 documents, 0 dead letters\n"
        "r2: 2 entities, 1 documents, 0 dead letters\n"
        "refused: 0 entities, 0 documents, 1 dead letters\n"
        "4 entities, 2 documents, 1 dead letters erased\n"
        "1 dead letters of the same sources have no id, and none of these ids in their bytes: "
        "look at them, and forget the --source where they are meant too\n"
    )
    assert not mentions(filled.root, "secret")
    assert filled.view() == {
        table: [row for row in rows if "secret" not in row] for table, rows in before.items()
    }
    filled.require_sound()
    told = filled.manifests()
    assert [told[name] == runs[name] for name in ("r1", "r2", "refused", "p1", "alone")] == [
        *(False, False, False),
        *(True, True),
    ]
    (forgotten,) = told["r1"].pop("forgotten")
    entry = dict(forgotten)
    assert str(entry.pop("at")) > "2026"
    assert entry == {"entities": 2, "documents": 1, "dead_letters": 0}
    assert told["r1"]["counts"] == {
        **runs["r1"]["counts"],
        "records": 4,
        "documents": 3,
        "entities": 6,
        "entities_by_label": {"per": 6},
        "tokens": 15,
        "unknown_tokens": 6,
        "sentences": 3,
        "characters": 3 * 17,
    }
    assert told["refused"]["counts"]["records"] == told["refused"]["counts"]["dead_letters"] == 1


def test_a_source_is_gone_from_all_runs(
    filled: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    before = filled.view()
    assert forget(filled.root, "--source", "/in/a", "/in/c") == 0
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "12 entities, 6 documents, 2 dead letters erased"
    )
    for word in ("/in/a", "/in/c", "secret", "hidden", "in/c"):
        assert not mentions(filled.root, word), word
    assert filled.view() == {
        table: [row for row in rows if "/in/b" in row] for table, rows in before.items()
    }
    filled.require_sound()
    told = filled.manifests()
    states = {name: manifest["status"] for name, manifest in told.items()}
    assert states == {
        "r1": "committed",
        "r2": "empty",
        "refused": "failed",
        "p1": "committed",
        "alone": "empty",
    }
    assert set(told["alone"]["tables"]) == set(TABLES)
    assert not told["refused"].keys() & {"counts", "inputs", "tables"}
    assert told["alone"]["configuration"]["input"] == ["(forgotten)"] * 3
    assert all("forgotten" in told[name] for name in ("r1", "r2", "refused", "alone"))


@pytest.mark.parametrize("older", [False, True])
def test_what_is_left_is_as_it_was(output: "MadeOutput", *, older: bool) -> None:
    """Schema with its version and its words, order, compression, statistics and page index."""
    output.commit(
        "r1",
        output.read("/in/a", ("a1", "secret", "a2"), ("a3", "secret"), ("secret", "a4")),
        output.read("/in/b", ("b1",)),
    )
    if older:
        output.make_older("r1")
    before = {
        table: pq.read_table(next((output.root / table).rglob("*.parquet"))) for table in TABLES
    }
    assert forget(output.root, "--doc_id", "secret") == 0
    for table, rows in before.items():
        (path,) = (output.root / table).rglob("*.parquet")
        file = pq.ParquetFile(path)
        assert file.schema_arrow.equals(rows.schema, check_metadata=True)
        kept = [row for row in rows.to_pylist() if "secret" not in str(row)]
        assert 0 < len(kept) < len(rows)
        assert file.read().to_pylist() == kept
        column = file.metadata.row_group(0).column(0)
        assert column.compression == "ZSTD"
        assert column.is_stats_set
        assert column.has_offset_index
        assert column.has_column_index
    output.require_sound()


def test_a_file_without_rows_goes_and_a_table_keeps_one(output: "MadeOutput") -> None:
    output.commit("r1", output.read("/in/a", ("secret",)), output.read("/in/b", failed=("secret",)))
    schemas = {
        table: pq.read_schema(next((output.root / table).rglob("*.parquet"))) for table in TABLES
    }
    assert forget(output.root, "--doc_id", "secret") == 0
    for table, schema in schemas.items():
        (path,) = (output.root / table).rglob("*.parquet")
        assert pq.read_schema(path).equals(schema, check_metadata=True)
        assert pq.read_metadata(path).num_rows == 0
    (told,) = output.manifests().values()
    assert told["status"] == "committed"
    assert [entry["records"] for entry in told["inputs"]] == [0, 0]
    output.require_sound()


def test_forgetting_the_last_row_of_a_failed_run_leaves_its_account(output: "MadeOutput") -> None:
    output.commit("r1", output.read("/in/a", unread=("a1",)), allowed=0.0)
    assert forget(output.root, "--source", "/in/a") == 0
    (told,) = output.manifests().values()
    assert (told["status"], told["forgotten"][0]["dead_letters"]) == ("failed", 1)
    assert output.files() == {"runs/r1.json", "forgotten.json"}
    output.require_sound()


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


def test_an_interrupt_while_readers_are_waited_for_leaves_nothing_that_was_erased(
    filled: "MadeOutput", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody may write to the output for a long time, and nobody else removes it."""

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    monkeypatch.setattr(outputs, "READERS_SECONDS", 2.0)
    with pytest.raises(KeyboardInterrupt):
        run(["forget", "--doc_id=a1", f"--output={filled.root}"])
    named = {
        file["path"]
        for manifest in filled.manifests().values()
        for table in manifest.get("tables", {}).values()
        for file in table["files"]
    }
    assert {name for name in filled.data() if name.endswith(".parquet")} == named
    filled.require_sound()


def test_a_dry_run_says_the_same_and_changes_nothing(
    filled: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    files = filled.data()
    assert forget(filled.root, "--doc_id", "secret", "hidden", "--dry_run") == 0
    assert filled.data() == files
    told = capsys.readouterr().out
    assert "6 entities, 3 documents, 2 dead letters would be erased" in told
    assert forget(filled.root, "--doc_id", "secret", "hidden") == 0
    assert capsys.readouterr().out == told.replace("would be erased", "erased")


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


def test_errors_of_failed_runs_name_it_no_more(output: "MadeOutput") -> None:
    output.commit("r1", output.read("/in/a", ("d-1",)), output.read("/in/a.gz", ("e",)))
    told = output.commit("failed", output.read("/in/b", unread=("b1",)), allowed=0.0)
    told["error"] = "/in/a: at 'd-1', d-12 and d-1: /in/a.gz (line 1). See /in/a."
    path = output.root / "runs/failed.json"
    path.write_text(json.dumps(told))
    assert forget(output.root, "--doc_id", "d-1") == 0
    assert forget(output.root, "--source", "/in/a") == 0
    after = output.manifests()["failed"]
    assert after["error"] == (
        "(forgotten): at '(forgotten)', d-12 and (forgotten): /in/a.gz (line 1). See (forgotten)."
    )
    assert "forgotten" not in after
    output.require_sound()


def test_real_runs_forget_and_say_where_it_still_stands(
    tmp_path: Path,
    tiny_artifact: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the input is as it was, the next run withholds it."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "in.jsonl"
    rows: list[dict[str, Any]] = [
        {"id": f"d{n}", "text": f"Maria{n} met ships in Lisbon{n}."} for n in range(9)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = [f"--model={tiny_artifact}", "--input=in.jsonl", "--output=out", "--only_new"]
    assert extract([*flags, "--run_id=r1", "--keep_text=all"]) == 0
    capsys.readouterr()
    assert forget(Path("out"), "--doc_id", "d4") == 0
    assert f"{source} still exists: later runs withhold what was forgotten of it; delete it" in (
        capsys.readouterr().out
    )
    assert not mentions(tmp_path / "out", "Maria4")
    assert forget(Path("out"), "--source", "in.jsonl") == 0
    assert not mentions(tmp_path / "out", "in.jsonl")
    assert json.loads((tmp_path / "out/runs/r1.json").read_text())["status"] == "empty"
    assert extract([*flags, "--run_id=r2", "--keep_text=all"]) == 0
    counts = json.loads((tmp_path / "out/runs/r2.json").read_text())["counts"]
    assert (counts["documents"], counts["withheld"]) == (0, 9)
    assert not mentions(tmp_path / "out", "in.jsonl")
    source.unlink()
    capsys.readouterr()
    assert forget(Path("out"), "--source", str(source)) == 0
    assert "exist" not in capsys.readouterr().out


def test_whatever_stops_it_each_run_is_as_before_or_as_after(
    output: "MadeOutput", every_kill: "EveryKill"
) -> None:
    """The older one first, so that no rows that were superseded count meanwhile."""
    output.commit("r1", output.read("/in/a", ("secret",)), output.read("/in/b", ("b1",)))
    output.commit("r2", output.read("/in/a", ("secret", "a1"), failed=("secret",)))
    before = output.view()
    done = []
    for _ in every_kill(output.root, lambda: forget(output.root, "--doc_id", "secret")):
        output.require_sound()
        told = output.manifests()
        names = read_forgotten(str(output.root))
        assert names is None or names.has("doc_id", "secret")
        assert names or not any("forgotten" in told[name] for name in ("r1", "r2"))
        done.append([name for name in ("r1", "r2") if "forgotten" in told[name]])
        for table, rows in output.view().items():
            assert set(rows) <= set(before[table])
        for name in done[-1]:
            for table in TABLES:
                assert not mentions(output.root / table / f"run_id={name}", "secret")
    assert done == sorted(done)
    assert [list(names) for names in dict.fromkeys(map(tuple, done))] == [[], ["r1"], ["r1", "r2"]]
