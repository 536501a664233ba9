"""Compact: many runs become one, and what counts is the same before and after."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.runs.__main__ import run
from pipeline.inputs.files import InputFile
from pipeline.outputs import table_writer as parquet
from pipeline.outputs.current import current_sources
from pipeline.planning.worklist import History, new_files
from pipeline.run import run as extract
from schemas.errors import JobError, UsageError
from schemas.manifest import Manifest
from schemas.tables import SCHEMA_VERSION, TABLES

if TYPE_CHECKING:
    from tests.jobs.conftest import EveryKill
    from tests.jobs.runs.conftest import MadeOutput, MakeOutput

SOURCES = ("/in/a", "/in/b", "/in/c")
MODELS = ("tiny@0123456789ab", "other@0123456789ab")


def compact(output: "MadeOutput", *flags: str) -> int:
    return run(["compact", f"--output={output.root}", *flags])


def merged_of(output: "MadeOutput") -> list[Manifest]:
    return [told for told in output.manifests().values() if "replaces" in told]


def counting(output: "MadeOutput") -> dict[str, tuple[str, bool]]:
    current = current_sources(output.manifests().values())
    return {source: (state.fingerprint, state.complete) for source, state in current.items()}


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Runs with two models and two settings, repairs of whatever read the source, broken files."""
    runs: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 7))):
        repairing = bool(runs) and draw(st.booleans())
        reads = []
        for source in draw(st.lists(st.sampled_from(SOURCES), unique=True, min_size=1)):
            names = [f"{number}{source[-1]}{n}" for n in range(draw(st.integers(0, 3)))]
            cut = draw(st.integers(0, len(names)))
            read: dict[str, Any] = {
                "source": source,
                "documents": tuple(names[:cut]),
                "fingerprint": f"{number}",
            }
            read |= {draw(st.sampled_from(["unread", "failed"])): tuple(names[cut:])}
            bases = [
                told["run_id"]
                for told in runs
                for base in told["reads"]
                if base["source"] == source and "repairs" not in base
            ]
            if repairing and bases:
                read["repairs"] = draw(st.sampled_from([bases[-1], *bases]))
            else:
                read["broken"] = draw(st.integers(0, 3)) == 0
            reads.append(read)
        if any("repairs" in read for read in reads):
            reads = [read for read in reads if "repairs" in read]
        second = draw(st.sampled_from([number, number, 0]))
        runs.append(
            {
                "run_id": f"r{draw(st.integers(0, 9))}{number}",
                "reads": reads,
                "model": draw(st.sampled_from([MODELS[0], *MODELS])),
                "min_confidence": draw(st.sampled_from([0.0, 0.0, 0.0, 0.5])),
                "started": f"2026-01-01T00:00:0{second}+00:00",
                "allowed": draw(st.sampled_from([1.0, 1.0, 1.0, 1.0, 0.0])),
            }
        )
    return runs


def made(make_output: "MakeOutput", history: list[dict[str, Any]]) -> "MadeOutput":
    output = make_output()
    for told in history:
        reads = [output.read(**read) for read in told["reads"]]
        more = {name: value for name, value in told.items() if name not in ("run_id", "reads")}
        output.commit(told["run_id"], *reads, **more)
    return output


@settings(max_examples=15)
@given(history=histories())
def test_what_counts_is_the_same_before_and_after(
    make_output: "MakeOutput", history: list[dict[str, Any]]
) -> None:
    require_the_same(make_output, history)


@pytest.mark.slow
@settings(max_examples=150)
@given(history=histories())
def test_what_counts_is_the_same_after_any_history(
    make_output: "MakeOutput", history: list[dict[str, Any]]
) -> None:
    require_the_same(make_output, history)


def require_the_same(make_output: "MakeOutput", history: list[dict[str, Any]]) -> None:
    """Rows of all three tables, states of sources, and what a run would find to do."""
    output = made(make_output, history)
    if len(history) % 2:
        output.make_older(history[0]["run_id"])
    view, sources, before = output.view(), counting(output), output.manifests()
    todo = to_do(output)
    assert compact(output) == 0
    assert output.view() == view
    assert counting(output) == sources
    assert to_do(output) == todo
    output.require_sound()
    after = output.manifests()
    replaced = {name for told in merged_of(output) for name in told["replaces"]}
    assert before.keys() - after.keys() == replaced
    assert all(told == before[name] for name, told in after.items() if name in before)
    files = output.data()
    assert compact(output) == 0
    assert output.data() == files
    shutil.rmtree(output.root)


def to_do(output: "MadeOutput") -> dict[tuple[str, float], list[str]]:
    """What a run with `--only_new` would read, by its model and settings."""
    manifests = output.manifests().values()
    files = [
        InputFile(source, 1, fingerprint)
        for source, (fingerprint, _) in sorted(counting(output).items())
    ]
    found = {}
    for model in MODELS:
        for least in (0.0, 0.5):
            settings = next(iter(manifests))["configuration"].copy()
            settings.update({"input_format": "jsonl", "min_confidence": least})
            work = new_files(files, History(manifests), model, settings)
            found[model, least] = [file.path for file in work.files]
    return found


def test_runs_become_one_with_their_repairs(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    """Older tables get the columns of the present ones; superseded rows go."""
    output.commit("r1", output.read("/in/b", ("b1",), unread=("b2", "b3"), broken=True))
    output.commit("r2", output.read("/in/a", ("a1",)), input=["/in/a"])
    output.commit("p1", output.read("/in/b", ("b2",), failed=("b3",), repairs="r1"))
    r3 = output.commit("r3", output.read("/in/a", ("a1", "a2"), fingerprint="2"))
    output.make_older("r1")
    before = output.view()
    assert compact(output, "--dry_run") == 0
    assert set(output.manifests()) == {"r1", "r2", "p1", "r3"}
    assert compact(output) == 0
    told = capsys.readouterr().out.splitlines()
    (merged,) = output.manifests().values()
    assert told[0].startswith("would be merged: 4 runs from r1 to r3: 12 files, ")
    assert told[0].endswith(" MB, 1 superseded documents")
    assert told[1].startswith(f"{merged['run_id']}: 3 files, ")
    assert told[1].endswith(told[0].removeprefix("would be merged: "))
    assert output.view() == before
    output.require_sound()
    assert merged["replaces"] == ["r1", "r2", "p1", "r3"]
    assert merged["schema_version"] == SCHEMA_VERSION
    assert merged["timings"] == r3["timings"]
    assert merged["configuration"]["input"] == ["/in/*.jsonl"]
    assert [entry | {"fingerprint": ""} for entry in merged["inputs"]] == [
        {
            "source": "/in/a",
            "fingerprint": "",
            "complete": True,
            "records": 2,
            "documents": 2,
            "dead_letters": 0,
            "entities": 4,
        },
        {
            "source": "/in/b",
            "fingerprint": "",
            "complete": False,
            "records": 3,
            "documents": 2,
            "dead_letters": 1,
            "entities": 4,
        },
    ]
    for table in TABLES:
        (path,) = (output.root / table).rglob("*.parquet")
        file = pq.ParquetFile(path)
        version = file.schema_arrow.metadata[b"gleaner.schema_version"]
        assert version == str(SCHEMA_VERSION).encode()
        assert file.read(["source"])["source"].to_pylist() == sorted(
            file.read(["source"])["source"].to_pylist()
        )
        column = file.metadata.row_group(0).column(0)
        assert (column.compression, column.is_stats_set, column.has_column_index) == (
            *("ZSTD", True, True),
        )


def test_only_runs_that_are_alike_and_old_are_merged(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    output.commit("m1", output.read("/in/a", ("a",)))
    output.commit("x1", output.read("/in/b", ("b",)), model=MODELS[1])
    output.commit("k1", output.read("/in/c", ("c",)), keep_text="none")
    output.commit("m2", output.read("/in/d", ("d",)), batch_tokens=7)
    output.commit("young", output.read("/in/e", ("e",)), started="2126-01-01T00:00:00+00:00")
    assert compact(output, "--older_than=1") == 0
    (merged,) = merged_of(output)
    assert merged["replaces"] == ["m1", "m2"]
    assert set(output.manifests()) == {"x1", "k1", "young", merged["run_id"]}
    capsys.readouterr()
    assert compact(output, "--older_than=1") == 0
    assert capsys.readouterr().out == "no two runs to be merged\n"


def test_a_repair_by_another_model_keeps_its_base_out(output: "MadeOutput") -> None:
    for run_id, source in (("r1", "/in/a"), ("r2", "/in/b"), ("r3", "/in/c")):
        output.commit(run_id, output.read(source, (f"{source[-1]}1",), unread=(f"{source[-1]}2",)))
    output.commit("p1", output.read("/in/a", ("a2",), repairs="r1"), model=MODELS[1])
    before = output.view()
    assert compact(output) == 0
    (merged,) = merged_of(output)
    assert merged["replaces"] == ["r2", "r3"]
    assert output.view() == before


def test_files_have_the_target_size_and_rows_their_order(
    output: "MadeOutput", monkeypatch: pytest.MonkeyPatch
) -> None:
    """With small buffers: several row groups and files; nothing is lost between them."""
    for number in range(6):
        names = tuple(f"{number}-{n:03}" for n in range(400))
        output.commit(f"r{number}", output.read(f"/in/{number}", names))
    before = output.view()
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 40_000)
    monkeypatch.setattr("jobs.runs.compact.command._MB", 20_000)
    assert compact(output, "--target_file_mb=1") == 0
    assert output.view() == before
    output.require_sound()
    (merged,) = output.manifests().values()
    sizes = [file["bytes"] for file in merged["tables"]["documents"]["files"]]
    assert len(sizes) > 1
    assert len([size for size in sizes if size < 20_000]) <= 1
    path = output.root / merged["tables"]["documents"]["files"][0]["path"]
    assert pq.ParquetFile(path).num_row_groups > 1
    for table in ("documents", "entities"):
        for file in merged["tables"][table]["files"]:
            rows = pq.read_table(output.root / file["path"]).to_pylist()
            place = [[int(n) for n in row["doc_id"].split("-")] for row in rows]
            starts = [row.get("start_char", 0) for row in rows]
            assert sorted(zip(place, starts, strict=True)) == list(zip(place, starts, strict=True))


def test_ids_of_merged_runs_stay_taken_when_their_run_is_merged(output: "MadeOutput") -> None:
    output.commit("a", output.read("/in/a", ("a1",)))
    output.commit("b", output.read("/in/b", ("b1",)))
    assert compact(output) == 0
    (first,) = output.manifests()
    output.commit("d", output.read("/in/d", ("d1",)))
    before = output.view()
    assert compact(output) == 0
    (merged,) = output.manifests().values()
    assert merged["replaces"] == ["a", "b", first, "d"]
    assert output.view() == before
    output.require_sound()


def test_what_was_forgotten_stays_accounted_for(output: "MadeOutput") -> None:
    output.commit("r1", output.read("/in/a", ("a1", "a2")))
    output.commit("r2", output.read("/in/b", ("b1", "b2")))
    for name in ("b1", "a1"):
        assert run(["forget", "--doc_id", name, f"--output={output.root}"]) == 0
    assert compact(output) == 0
    (merged,) = output.manifests().values()
    assert [entry["documents"] for entry in merged["forgotten"]] == [1, 1]
    assert merged["forgotten"] == sorted(merged["forgotten"], key=lambda entry: entry["at"])
    output.require_sound()


def test_files_that_lack_rows_are_not_merged(output: "MadeOutput") -> None:
    output.commit("r1", output.read("/in/a", ("a1", "a2")))
    output.commit("r2", output.read("/in/b", ("b1",)))
    (path,) = (output.root / "documents/run_id=r1").iterdir()
    pq.write_table(pq.read_table(path).slice(1), path)
    before = output.data()
    with pytest.raises(JobError) as caught:
        compact(output)
    assert str(caught.value) == (
        "/in/a: the manifests of r1 count 2 rows of documents, and their files have 1; nothing was "
        "merged"
    )
    assert output.data() == before
    assert not (output.root / "_staging").exists()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(JobError, match=rf"^{path} cannot be read: "):
        compact(output)


def test_an_interrupted_merge_leaves_nothing(
    output: "MadeOutput", monkeypatch: pytest.MonkeyPatch
) -> None:
    output.commit("r1", output.read("/in/a", ("a1",)))
    output.commit("r2", output.read("/in/b", ("b1",)))
    before = output.data()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.runs.compact.merge._require_the_same", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compact(output)
    assert output.data() == before
    assert not (output.root / "_staging").exists()


@pytest.mark.parametrize(
    "flag",
    ["--older_than=-1", "--target_file_mb=0", "--older_than=9999999", f"--older_than={10**12}"],
)
def test_odd_numbers_are_refused(output: "MadeOutput", flag: str) -> None:
    with pytest.raises(UsageError, match=r"^--\w+ is -?\d+, expected at (least \d|most 36500)$"):
        compact(output, flag)


def test_whatever_stops_it_the_same_rows_count(
    output: "MadeOutput", every_kill: "EveryKill"
) -> None:
    output.commit("r1", output.read("/in/a", ("a1",), unread=("a2",)))
    output.commit("p1", output.read("/in/a", ("a2",), repairs="r1"))
    before = output.view()
    merged = []
    for _ in every_kill(output.root, lambda: compact(output)):
        output.require_sound()
        assert output.view() == before
        merged.append(bool(merged_of(output)))
        assert len(output.manifests()) == (1 if merged[-1] else 2)
    assert merged == sorted(merged)
    assert set(merged) == {False, True}


def test_real_runs_are_skipped_repaired_and_named_anew(tmp_path: Path, tiny_artifact: Path) -> None:
    """After the merge `--only_new` skips all, dead letters can be repaired, old ids stay taken."""
    output = tmp_path / "out"
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(
            "".join(f'{{"id": "{name}{n}", "text": "Maria met Lisbon {n}."}}\n' for n in range(5))
            + f'{{"id": "{name}", "body": "Late text."}}\n'
        )
    flags = [f"--model={tiny_artifact}", f"--output={output}", "--max_dead_letters=1"]
    here = [*flags, f"--input={tmp_path}/*.jsonl"]
    assert extract([*here, "--run_id=j", "--commit_shards=1"]) == 0
    assert run(["compact", f"--output={output}"]) == 0
    assert extract([*here, "--only_new", "--run_id=again"]) == 0
    again = json.loads((output / "runs/again.json").read_text())
    assert (again["status"], again["counts"]["skipped_files"]) == ("empty", 2)
    for run_id, told in {"j.2": "j.2", "j": "j.1"}.items():
        with pytest.raises(UsageError, match=f"^--run_id {told} was merged into c"):
            extract([*here, f"--run_id={run_id}"])
    letters = [f"--input={output}/dead_letters", "--input_format=dead_letters"]
    assert extract([*flags, *letters, "--text_field=body", "--run_id=repair"]) == 0
    repaired = json.loads((output / "runs/repair.json").read_text())
    assert [entry["documents"] for entry in repaired["inputs"]] == [1, 1]
