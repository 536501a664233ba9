"""Forget: nothing of a document or a source is left in any byte below the output."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from jobs.runs import outputs
from jobs.runs.__main__ import run
from pipeline.outputs.forgotten import read_forgotten
from pipeline.run import run as extract
from schemas.tables import TABLES
from tests.jobs.runs.forget.forgetting import forget, mentions

if TYPE_CHECKING:
    from tests.jobs.conftest import EveryKill
    from tests.jobs.runs.conftest import MadeOutput


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
        "entities_by_label": {"geo": 3, "per": 3},
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
