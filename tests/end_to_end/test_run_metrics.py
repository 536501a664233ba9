"""End to end: `--metrics` has what the job did, also of one that failed, and changes nothing."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.outputs.catalog import held
from pipeline.run import run
from schemas.errors import BrokenFilesError, DeadLettersError, OutputBusyError, UsageError

Labels = tuple[str, ...]

GOOD = [
    json.dumps({"id": f"d{n}", "text": f"Maria met {n} ships in Lisbon. The river froze."})
    for n in range(20)
]
BAD = ["{", '{"id": "null", "text": null}', '{"id": "none"}']


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines))


def flags_of(place: Path, model: Path) -> list[str]:
    flags = [f"--model={model}", f"--input={place}/in", f"--output={place}/out"]
    return [*flags, f"--metrics={place}/m.prom", "--direct_num_workers=1"]


def values(place: Path) -> Mapping[str, Mapping[Labels, float]]:
    """Of each metric the values by their labels, the output left out, which is that of the job."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families((place / "m.prom").read_text("utf-8")):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("output") == f"{place}/out"
            found.setdefault(family.name.removeprefix("gleaner_"), {})[*labels.values()] = (
                sample.value
            )
    return found


def value(place: Path, name: str) -> float:
    return values(place)[name][()]


def test_the_file_has_what_the_manifest_has(tmp_path: Path, tiny_artifact: Path) -> None:
    """And dead letters by the class of their error, those of whole files too."""
    write(tmp_path / "in/a.jsonl", *GOOD, *BAD)
    write(tmp_path / "in/b.pdf", "%PDF-1.7")
    (tmp_path / "in/c.jsonl.gz").write_bytes(b"no gzip")
    flags = [*flags_of(tmp_path, tiny_artifact), "--run_id=r1"]
    assert run([*flags, "--max_dead_letters=0.5", "--max_broken_files=0.9"]) == 0
    manifest = json.loads((tmp_path / "out/runs/r1.json").read_text())
    counts, found = manifest["counts"], values(tmp_path)
    for name in ("records", "documents", "dead_letters", "characters", "tokens", "entities"):
        assert found[name] == {(): counts[name]}, name
    assert (counts["documents"], counts["dead_letters"]) == (20, 3)
    labels = {(label,): count for label, count in counts["entities_by_label"].items()}
    assert found["entities_by_label"] == labels
    assert sum(labels.values()) == counts["entities"] > 0
    states = {"complete": 1, "broken": 1, "skipped": 0, "unread": 1}
    assert found["files"] == {(name,): count for name, count in states.items()}
    assert (
        sum(found["dead_letters_by_error"].values()) == manifest["tables"]["dead_letters"]["rows"]
    )
    assert found["dead_letters_by_error"]["JSONDecodeError",] == 1
    assert found["runs"] == {("committed",): 1}
    assert found["job_exit_code"] == {(): 0}
    start, end = value(tmp_path, "job_start_timestamp_seconds"), found["job_end_timestamp_seconds"]
    assert end == found["job_last_success_timestamp_seconds"] == {(): pytest.approx(start, abs=250)}
    assert 0 < value(tmp_path, "job_duration_seconds") < 250
    assert "metrics" not in manifest["configuration"]


def test_a_refused_run_has_its_counts_and_keeps_the_last_success(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    flags = flags_of(tmp_path, tiny_artifact)
    write(tmp_path / "in/a.jsonl", *GOOD)
    assert run(flags) == 0
    success = value(tmp_path, "job_last_success_timestamp_seconds")
    write(tmp_path / "in/a.jsonl", *GOOD, *BAD)
    with pytest.raises(DeadLettersError):
        run(flags)
    assert value(tmp_path, "job_exit_code") == 3
    assert value(tmp_path, "dead_letters") == 3
    assert values(tmp_path)["runs"] == {("failed",): 1}
    assert sum(values(tmp_path)["dead_letters_by_error"].values()) == 3
    assert value(tmp_path, "job_last_success_timestamp_seconds") == success
    assert value(tmp_path, "job_end_timestamp_seconds") > success


def test_parts_of_a_job_add_up_refused_ones_too(tmp_path: Path, tiny_artifact: Path) -> None:
    write(tmp_path / "in/a.jsonl", *GOOD)
    write(tmp_path / "in/b.jsonl", *GOOD[:5], *BAD)
    write(tmp_path / "in/c.jsonl", *GOOD[:7])
    with pytest.raises(DeadLettersError):
        run([*flags_of(tmp_path, tiny_artifact), "--commit_shards=1"])
    assert values(tmp_path)["runs"] == {("committed",): 2, ("failed",): 1}
    assert (value(tmp_path, "documents"), value(tmp_path, "dead_letters")) == (32, 3)
    assert value(tmp_path, "job_exit_code") == 3


def test_with_quarantine_a_broken_file_is_no_success(tmp_path: Path, tiny_artifact: Path) -> None:
    """Though all else is committed: somebody is to look at it."""
    write(tmp_path / "in/a.jsonl", *GOOD)
    (tmp_path / "in/c.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(BrokenFilesError):
        run([*flags_of(tmp_path, tiny_artifact), "--quarantine"])
    assert (value(tmp_path, "job_exit_code"), value(tmp_path, "documents")) == (3, 20)
    assert "job_last_success_timestamp_seconds" not in values(tmp_path)


def test_a_job_that_counts_nothing_says_that_it_ran(tmp_path: Path, tiny_artifact: Path) -> None:
    """A night without new documents is a success; one that another job held off is none."""
    flags = [*flags_of(tmp_path, tiny_artifact), "--only_new"]
    write(tmp_path / "in/a.jsonl", *GOOD)
    assert run(flags) == run(flags) == 0
    assert values(tmp_path)["runs"] == {("empty",): 1}
    assert (value(tmp_path, "documents"), values(tmp_path)["files"]["skipped",]) == (0, 1)
    success = value(tmp_path, "job_last_success_timestamp_seconds")
    with held(f"{tmp_path}/out"), pytest.raises(OutputBusyError):
        run(flags)
    assert value(tmp_path, "job_exit_code") == 5
    (tmp_path / "in/a.jsonl").unlink()
    with pytest.raises(UsageError):
        run(flags)
    assert value(tmp_path, "job_exit_code") == 2
    assert "documents" not in values(tmp_path)  # 0 would say that there were none
    assert value(tmp_path, "job_last_success_timestamp_seconds") == success


def test_a_file_that_cannot_be_written_is_one_warning_and_the_job_is_done(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    """As a process: the exit code is 0. Nobody can write into this folder, root included."""
    if not Path("/proc/self/fdinfo").exists():
        pytest.skip("takes a folder of /proc")
    write(tmp_path / "in/a.jsonl", *GOOD)
    flags = [*flags_of(tmp_path, tiny_artifact)[:3], "--metrics=/proc/self/fdinfo/m.prom"]
    command = [sys.executable, "-m", "pipeline.run", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: --metrics /proc/self/fdinfo/m.prom: it could not be written (")
    assert " committed in " in done.stdout


def test_the_exit_code_of_the_file_is_that_of_the_process(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    write(tmp_path / "in/a.jsonl", *BAD)
    command = [sys.executable, "-m", "pipeline.run", *flags_of(tmp_path, tiny_artifact)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert value(tmp_path, "job_exit_code") == done.returncode == 3


@pytest.mark.parametrize(
    "name", ["gs://b/m.prom", "file:///srv/m.prom", "missing/m.prom", ".", "m.txt", "m.prom.new"]
)
def test_a_file_that_nobody_collects_is_refused_before_anything_is_written(
    name: str, tmp_path: Path, tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"^--metrics {name}: "):
        run([*flags_of(tmp_path, tiny_artifact)[:3], f"--metrics={name}"])
    assert not [*tmp_path.iterdir()]
