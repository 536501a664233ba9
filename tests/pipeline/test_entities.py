"""ExtractEntities: what other people's pipelines get is what the job writes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.dataset as ds
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that, equal_to, is_empty
from apache_beam.transforms.window import FixedWindows, IntervalWindow, TimestampedValue

import pipeline as package
from pipeline import ExtractEntities
from pipeline.run import run
from schemas.errors import ArtifactError, UsageError
from schemas.records import Document
from schemas.tables import DEAD_LETTERS, ENTITIES

Row = dict[str, Any]

TEXTS = [
    "Maria met the council in Lisbon on Monday. Ships left the harbour.",
    "😀 Zoë  went\r\nto Kraków. Was the river in the South?",
    "",
    "The council of Oslo said nothing. " * 40,
]


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["doc_id"], row["start_char"]))


def same_rows(expected: list[Row]) -> Callable[[list[Row]], None]:
    """But for the last digit of confidence, which depends on the batch."""

    def check(found: list[Row]) -> None:
        assert [list(row) for row in found] == [ENTITIES.names] * len(expected)
        for row, wanted in zip(in_order(found), in_order(expected), strict=True):
            assert row == {**wanted, "confidence": pytest.approx(wanted["confidence"], abs=1e-4)}

    return check


@pytest.mark.parametrize("least", [0.0, 0.5])
def test_rows_are_those_that_the_job_writes(
    least: float, tiny_artifact: Path, tmp_path: Path
) -> None:
    file = tmp_path / "in.jsonl"
    lines = [json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(TEXTS)]
    file.write_text("\n".join(lines))
    flags = [f"--model={tiny_artifact}", f"--input={file}", f"--output={tmp_path}/out"]
    assert run([*flags, f"--min_confidence={least}"]) == 0
    expected = ds.dataset(tmp_path / "out/entities", format="parquet").to_table().to_pylist()
    assert len(expected) > 3

    starts = [sum(len(line.encode()) + 1 for line in lines[:n]) for n in range(len(lines))]
    documents = [
        Document(f"d{n}", str(file), start, text)
        for n, (start, text) in enumerate(zip(starts, TEXTS, strict=True))
    ]
    with BeamPipeline("FnApiRunner") as pipeline:
        found = (
            pipeline
            | beam.Create(documents)
            | ExtractEntities(model=str(tiny_artifact), min_confidence=least, batch_tokens=30)
        )
        assert_that(found.entities, same_rows(expected), label="rows")
        assert_that(found.dead_letters, is_empty(), label="none")


TERMS = """\
term,label,id,policy
council,body,c-1,override
Zoë,cat,,override
the River,river,,override
Ships,ship,,
South,*,,forbid
Never seen,body,,
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_with_a_list_are_those_that_the_job_writes(
    workers: int, tiny_artifact: Path, tmp_path: Path
) -> None:
    """Also where each worker is a process of its own, which reads the list again."""
    terms = tmp_path / "terms.csv"
    terms.write_text(TERMS)
    lines = [json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(TEXTS)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    flags = [f"--model={tiny_artifact}", f"--input={tmp_path}/in.jsonl", f"--gazetteer={terms}"]
    assert run([*flags, f"--output={tmp_path}/out"]) == 0
    expected = ds.dataset(tmp_path / "out/entities", format="parquet").to_table().to_pylist()
    assert {"body", "cat", "river"} < {row["label"] for row in expected}
    written = tmp_path / "rows.jsonl"
    options = [f"--direct_num_workers={workers}"]
    options += ["--direct_running_mode=multi_processing"] * (workers > 1)
    with BeamPipeline("DirectRunner", PipelineOptions(options)) as pipeline:
        found = (
            pipeline
            | beam.Create([(f"d{n}", text) for n, text in enumerate(TEXTS)])
            | ExtractEntities(model=tiny_artifact, gazetteer=terms, batch_tokens=30)
        )
        rows = found.entities | beam.Map(json.dumps)
        rows | beam.io.WriteToText(str(written), shard_name_template="")
        assert_that(found.dead_letters, is_empty(), label="none")
    made = [json.loads(line) for line in written.read_text().splitlines()]
    assert [list(row) for row in made] == [ENTITIES.names] * len(expected)
    for row, wanted in zip(in_order(made), in_order(expected), strict=True):
        sure = wanted["confidence"]
        wanted |= {"source": "", "record": 0}
        assert row == {**wanted, "confidence": sure and pytest.approx(sure, abs=1e-4)}


@pytest.mark.parametrize("as_path", [str, Path])
@pytest.mark.parametrize("several", [False, True])
def test_a_list_is_named_by_its_path_alone_or_among_others(
    as_path: type[str | Path], several: bool, tiny_artifact: Path, tmp_path: Path
) -> None:
    """What is odd about it becomes a warning."""
    terms = tmp_path / "terms.csv"
    terms.write_text("term,label,colour,policy\nMaria left,cat,red,override\n")
    given = as_path(terms)
    extract = ExtractEntities(model=tiny_artifact, gazetteer=[given] if several else given)
    pipeline = BeamPipeline("FnApiRunner")
    documents = pipeline | beam.Create([("a", "Maria left")])
    with pytest.warns(UserWarning, match="columns colour are none"):
        found = documents | extract
    labels = found.entities | beam.Map(lambda row: (row["text"], row["label"]))
    assert_that(labels, equal_to([("Maria left", "cat")]))
    pipeline.run()


def test_a_pair_that_is_no_document_is_a_dead_letter(tiny_artifact: Path) -> None:
    """As a record of the job's input that has the same id and text; the others come out."""

    def others(found: list[Row]) -> None:
        assert {(row["doc_id"], row["source"]) for row in found} == {("1", ""), ("b", "")}

    def culprits(found: list[Row]) -> None:
        assert [list(row) for row in found] == [DEAD_LETTERS.names] * 2
        told = {row["doc_id"]: (row["error"], row["message"], row["raw"]) for row in found}
        assert told == {
            "c": ("RecordError", "The text field 'text' is missing or null.", b"None"),
            "d": ("RecordError", "The text field 'text' holds a number, not a string.", b"7"),
        }

    with BeamPipeline("FnApiRunner") as pipeline:
        found = (
            pipeline
            | beam.Create([(1, TEXTS[0]), ("b", TEXTS[1]), ("c", None), ("d", 7)])
            | ExtractEntities(model=str(tiny_artifact))
        )
        assert_that(found.entities, others, label="others")
        assert_that(found.dead_letters, culprits, label="culprits")


def test_an_element_of_another_shape_is_a_dead_letter(tiny_artifact: Path) -> None:
    """A text alone is no pair of its first two letters."""
    shapes = ["Maria left Lisbon.", {"id": 1, "text": "Maria"}, None, ("a",), ("a", "b", "c")]

    def culprits(found: list[Row]) -> None:
        message = "The element is no Document, and no pair of an id and a text."
        assert [(row["error"], row["message"]) for row in found] == [("RecordError", message)] * 5
        assert {row["raw"] for row in found} == {str(shape).encode() for shape in shapes}

    def others(found: list[Row]) -> None:
        assert {row["doc_id"] for row in found} == {"b"}

    with BeamPipeline("FnApiRunner") as pipeline:
        elements = pipeline | beam.Create([*shapes, ("b", TEXTS[1])])
        found = elements | ExtractEntities(model=str(tiny_artifact))
        assert_that(found.entities, others, label="others")
        assert_that(found.dead_letters, culprits, label="culprits")


@pytest.mark.parametrize("threads", [0, -1])
def test_a_number_of_threads_that_is_none_is_refused(threads: int) -> None:
    with pytest.raises(UsageError, match=f"^threads is {threads}, expected at least 1$"):
        ExtractEntities(threads=threads)


def test_a_document_that_a_stage_fails_at_is_a_dead_letter(
    tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pipeline.entities.entity_rows", refuse)

    def all_of_them(found: list[Row]) -> None:
        letters = {(row["doc_id"], row["stage"], row["error"]) for row in found}
        assert letters == {(name, "ExtractEntities", "MemoryError") for name in "ab"}

    with BeamPipeline("FnApiRunner") as pipeline:
        documents = pipeline | beam.Create([("a", TEXTS[0]), ("b", TEXTS[1])])
        found = documents | ExtractEntities(model=str(tiny_artifact))
        assert_that(found.entities, is_empty(), label="none")
        assert_that(found.dead_letters, all_of_them, label="all")


def test_rows_stay_in_the_windows_of_their_documents(tiny_artifact: Path) -> None:
    """And one pipeline may extract twice."""

    def windows(
        row: Row,
        window: IntervalWindow = beam.DoFn.WindowParam,  # type: ignore[assignment]  # Beam's way
    ) -> tuple[str, float]:
        return row["doc_id"], float(window.start)

    def each_in_its_own(found: list[tuple[str, float]]) -> None:
        assert set(found) == {("a", 0.0), ("b", 60.0)}

    with BeamPipeline("FnApiRunner") as pipeline:
        documents = (
            pipeline
            | beam.Create([("a", TEXTS[0], 5), ("b", TEXTS[1], 65)])
            | beam.Map(lambda made: TimestampedValue(made[:2], made[2]))
            | beam.WindowInto(FixedWindows(60))
        )
        for label in ("once", "twice"):
            found = documents | label >> ExtractEntities(model=str(tiny_artifact))
            placed = found.entities | f"windows {label}" >> beam.Map(windows)
            assert_that(placed, each_in_its_own, label=f"placed {label}")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_confidence": 2}, "min_confidence is 2, expected 0 to 1"),
        ({"batch_tokens": 0}, "batch_tokens is 0, expected at least 1"),
        ({"folded_words": 5}, "folded_words is 5, expected at least 16384"),
    ],
)
def test_a_value_that_the_flag_could_not_have_is_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        ExtractEntities(**settings)
    assert str(caught.value) == message


def test_a_model_that_is_not_there_is_refused_when_the_pipeline_is_built() -> None:
    pipeline = beam.Pipeline()
    with pytest.raises(ArtifactError, match="no-such-model: no such directory"):
        pipeline | beam.Create([("a", "b")]) | ExtractEntities("no-such-model")


def test_the_package_exports_this_alone_and_imports_beam_when_it_is_asked_for() -> None:
    assert package.__all__ == ["ExtractEntities"]
    with pytest.raises(AttributeError, match="module 'pipeline' has no attribute 'ExtractAll'"):
        package.ExtractAll  # noqa: B018 - it raises
    program = "import pipeline, sys; print('apache_beam' in sys.modules)"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"False\n"
