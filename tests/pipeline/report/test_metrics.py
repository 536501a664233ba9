"""The textfile of metrics: what Prometheus' own parser reads of it is what was counted."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pipeline.report import metrics
from pipeline.report.metrics import (
    END,
    EXIT_CODE,
    LABELS,
    LEVEL,
    METRICS,
    START,
    STATISTIC,
    SUCCESS,
    JobMetrics,
    exposition,
    last_success,
    metrics_written,
)
from schemas.errors import DriftError, UsageError

OUTPUT = "/srv/out"
COUNTS: dict[str, Any] = {
    "files": 3,
    "broken_files": 1,
    "skipped_files": 5,
    "unread": 2,
    "records": 9,
    "documents": 7,
    "dead_letters": 2,
    "characters": 700,
    "tokens": 150,
    "entities": 6,
    "entities_by_label": {"geo": 4, "per": 2},
}


def manifest(**more: Any) -> Any:  # noqa: ANN401 - it has what is counted, and no more
    return {"run_id": "r1", "status": "committed", "counts": COUNTS, **more}


def read(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """By metric the values by their labels; all metrics are gauges with a help, in one output."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        assert (family.type, bool(family.documentation)) == ("gauge", True), family.name
        for sample in family.samples:
            labels = dict(sample.labels)
            found.setdefault(sample.name, {})[labels.pop("output"), *labels.values()] = sample.value
    return found


def alone(file: Path) -> Mapping[str, float]:
    """The values of a file's metrics that have no label but the output."""
    read_back = read(file.read_text("utf-8"))
    return {name: by[OUTPUT,] for name, by in read_back.items() if (OUTPUT,) in by}


def test_names_are_as_prometheus_wants_them() -> None:
    """Of ours, of no two metrics, and with the base unit last; gauges end in no `_total`."""
    names = [metric.name for metric in METRICS]
    assert len({*names}) == len(names)
    assert all(name.startswith("gleaner_") and not name.endswith("_total") for name in names)
    timed = [name for name in names if "time" in name or "duration" in name]
    assert len(timed) == 4
    assert all(name.endswith("_seconds") for name in timed)


def test_parts_of_a_job_add_up_and_the_worst_drift_stays() -> None:
    job = JobMetrics()
    calm = {"labels": {"level": "stable", "value": 0.01}, "confidence": {"reason": "few"}}
    wild = {"labels": {"level": "drift", "value": 0.7}}
    for level, statistics in (("stable", calm), ("drift", wild), ("stable", calm)):
        job.add(manifest(drift={"level": level, "statistics": statistics}), OUTPUT)
    job.add(manifest(status="failed", drift={"reason": "too few tokens"}), OUTPUT)
    found = read(exposition(job.values, OUTPUT).decode())
    assert found["gleaner_runs"] == {(OUTPUT, "committed"): 3, (OUTPUT, "failed"): 1}
    assert found["gleaner_documents"] == {(OUTPUT,): 28}
    assert found["gleaner_entities_by_label"] == {(OUTPUT, "geo"): 16, (OUTPUT, "per"): 8}
    states = {"complete": 8, "broken": 4, "skipped": 20, "unread": 8}
    assert found["gleaner_files"] == {(OUTPUT, name): count for name, count in states.items()}
    assert found["gleaner_drift_level"] == {(OUTPUT,): 2}
    assert found["gleaner_drift_statistic"] == {(OUTPUT, "labels"): 0.7}
    assert found["gleaner_drift_statistic_level"] == {(OUTPUT, "labels"): 2}


def test_of_lists_entities_add_up_and_terms_do_not() -> None:
    """The parts of a job have the same lists, and a term may take effect in several of them."""
    job = JobMetrics()
    for fired, alone in ((2, {"town": 3, "ship": 1}), (5, {}), (0, {"town": 2})):
        lists = {"terms": 7, "fired": fired, "entities_by_label": alone}
        job.add(manifest(gazetteer=lists), OUTPUT)
    found = read(exposition(job.values, OUTPUT).decode())
    names = ("terms", "terms_fired", "entities")
    assert [found[f"gleaner_gazetteer_{name}"] for name in names] == [
        {(OUTPUT,): 7},
        {(OUTPUT,): 5},
        {(OUTPUT,): 6},
    ]


def test_a_run_without_lists_has_no_numbers_of_them() -> None:
    job = JobMetrics()
    job.add(manifest(), OUTPUT)
    assert "gazetteer" not in exposition(job.values, OUTPUT).decode()


def test_a_run_that_was_not_compared_has_no_drift() -> None:
    """0 would say that there is none."""
    job = JobMetrics()
    job.add(manifest(drift={"reason": "too few tokens"}), OUTPUT)
    assert not {LEVEL, STATISTIC} & job.values.keys()


texts = st.text(
    st.one_of(st.sampled_from('\\"\n\r{}=,# \t\x85\u2028'), st.characters(codec="utf-8"))
)


@given(st.dictionaries(texts, st.integers(0, 2**53), max_size=4), texts)
def test_whatever_labels_are_called_the_parser_reads_them_back(
    numbers: dict[str, float], output: str
) -> None:
    """Quotes, backslashes and line ends included; a path may hold any of them too."""
    found = read(exposition({LABELS: numbers, SUCCESS: {"": 5.0}}, output).decode())
    expected = {(output, name): float(value) for name, value in numbers.items()}
    assert found.get(LABELS.name, {}) == expected
    assert found[SUCCESS.name] == {(output,): 5.0}


@given(texts, st.floats(1, 2e9))
def test_the_last_success_is_read_back_as_it_was_written(output: str, success: float) -> None:
    """Of the same output only, and not of a time to come."""
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "a.prom"
        file.write_bytes(exposition({EXIT_CODE: {"": 1}, SUCCESS: {"": success}}, output))
        assert last_success(file, output, 2e9) == success
        assert last_success(file, f"{output}2", 2e9) is None
        assert last_success(file, output, success / 2) is None


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x00\xff" * 50,
        SUCCESS.name.encode(),
        f'{SUCCESS.name}{{output="{OUTPUT}'.encode(),
        f'{SUCCESS.name}{{output="{OUTPUT}"}} soon\n'.encode(),
        f'{SUCCESS.name}{{output="{OUTPUT}"}} NaN\n'.encode(),
        f'{SUCCESS.name}{{output="{OUTPUT}",of="x"}} 7\n'.encode(),
    ],
)
def test_a_damaged_file_has_no_last_success_and_is_no_error(tmp_path: Path, damaged: bytes) -> None:
    file = tmp_path / "a.prom"
    file.write_bytes(damaged)
    assert last_success(file, OUTPUT, 9.0) is None
    whole = f'\n{SUCCESS.name}{{output="{OUTPUT}"}} 7.5\n'
    file.write_bytes(damaged + whole.encode())
    assert last_success(file, OUTPUT, 9.0) == 7.5


def test_no_file_and_what_is_none_have_no_last_success(tmp_path: Path) -> None:
    """To open a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe.prom")
    for name in ("missing.prom", "pipe.prom", "."):
        assert last_success(tmp_path / name, OUTPUT, 9.0) is None


def test_only_a_success_moves_the_last_success(tmp_path: Path) -> None:
    file = tmp_path / "a.prom"

    def end(error: BaseException | None) -> Mapping[str, float]:
        with metrics_written(str(file), OUTPUT) as job:
            job.add(manifest())
            if error:
                raise error
        return alone(file)

    with pytest.raises(UsageError):
        end(UsageError("x"))
    assert SUCCESS.name not in alone(file)  # there was none
    succeeded = end(None)
    assert succeeded[EXIT_CODE.name] == 0
    assert succeeded[START.name] <= succeeded[END.name] == succeeded[SUCCESS.name]
    for error, code in ((DriftError("x"), 4), (KeyboardInterrupt(), 1), (ValueError("x"), 1)):
        with pytest.raises(type(error)):
            end(error)
        assert alone(file)[EXIT_CODE.name] == code
        assert alone(file)[SUCCESS.name] == succeeded[SUCCESS.name]
        assert alone(file)[END.name] > succeeded[END.name]
        assert alone(file)["gleaner_documents"] == 7
    assert end(None)[SUCCESS.name] > succeeded[SUCCESS.name]


def test_the_file_is_for_all_to_read_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """node_exporter is another user, and reads every .prom file of the folder."""
    umask = os.umask(0o077)
    try:
        with metrics_written(str(tmp_path / "a.prom"), OUTPUT):
            pass
    finally:
        os.umask(umask)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("refusal", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_file_that_cannot_be_written_is_one_warning_and_stays_as_it_was(
    step: str,
    refusal: BaseException,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is written first has no name that node_exporter reads."""
    names: list[str] = []

    def refuse(*_: object) -> None:
        names.extend(path.name for path in tmp_path.iterdir() if path != file)
        raise refusal

    file = tmp_path / "a.prom"
    file.write_text("before\n")
    monkeypatch.setattr(os, step, refuse)
    with metrics_written(str(file), OUTPUT) as job:
        job.add(manifest())
    assert file.read_text() == "before\n"
    assert [*tmp_path.iterdir()] == [file]
    assert names
    assert not any(name.endswith(".prom") for name in names)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: --metrics {file}: it could not be written (")


def test_dead_letters_that_cannot_be_read_leave_all_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {"path": "dead_letters/run_id=r1/part-0.parquet", "rows": 2, "bytes": 9, "sha256": ""}
    tables = {"dead_letters": {"rows": 2, "bytes": 9, "files": [gone]}}
    with metrics_written(str(tmp_path / "a.prom"), str(tmp_path)) as job:
        job.add(manifest(tables=tables))
    found = read((tmp_path / "a.prom").read_text("utf-8"))
    assert found["gleaner_dead_letters"] == {(str(tmp_path),): 2}
    assert "gleaner_dead_letters_by_error" not in found
    (line,) = capsys.readouterr().err.splitlines()
    assert "not all of run r1 is in it (" in line


def test_a_job_without_a_file_counts_nothing_and_imports_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "JobMetrics", None)
    with metrics_written(None, OUTPUT) as job:
        job.add(manifest())
