"""What there is to tell of an extraction: its description in, and its manifest once it is done."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from model.tagger.artifact import Artifact, find_artifact
from pipeline.filesystems.paths import is_remote
from pipeline.lineage.names import dataset_name, input_places, place_of
from pipeline.lineage.records import Assertion, Dataset, LineageRun, RunName, model_dataset
from pipeline.outputs.description import RunDescription, installed_versions
from pipeline.outputs.forgotten import FORGOTTEN
from pipeline.outputs.manifest.refusal import too_many_broken_files, too_many_dead_letters
from schemas.manifest import Configuration, Manifest
from schemas.tables import TABLES, documents_schema

JOB = "pipeline.run"
PART = "pipeline.run.part"

_ENGINE = "Apache Beam"
_KIND = "EXTRACTION"
_DOCUMENTS = "documents, in which entities are looked for"
_MODEL = "the tagger"
_LIST = "terms that are looked for beside the tagger"
# What the totals of a run are sums of: columns of `documents`.
_SUMMED = ("characters", "sentences", "tokens", "unknown_tokens", "entities")


def extraction_job(configuration: Configuration, name: RunName) -> LineageRun:
    """A job in parts, which reads and writes nothing by itself."""
    return LineageRun(
        name=name,
        kind=_KIND,
        description="Finds entities in documents, in parts that are committed one by one",
        engine=(_ENGINE, installed_versions()["apache-beam"]),
        parameters=_parameters(configuration),
    )


def job_name(output: str, run_id: str, started: datetime) -> RunName:
    """The run of a job that writes to this output, as a whole."""
    return RunName(f"{JOB}:{output}", run_id, output, started)


def extraction_run(
    run: RunDescription,
    manifest: Manifest | None = None,
    *,
    job: RunName,
    model: str,
    artifact: Artifact,
) -> LineageRun:
    """A run as it is described; manifest: how it ended.

    job: the run of its job as a whole, which is this one unless it is a part. model: as
    `settle_model` has it.
    """
    place = model if is_remote(model) else str(find_artifact(model))
    tagger = model_dataset(place, _MODEL, artifact, artifact.content_hash)
    name = RunName(
        f"{PART}:{job.output}" if run.part else job.job, run.run_id, job.output, run.started_at
    )
    is_failed = manifest is not None and manifest["status"] == "failed"
    return LineageRun(
        name=name,
        kind=_KIND,
        description="Finds entities in documents",
        engine=(_ENGINE, run.versions["apache-beam"]),
        parameters=_parameters(run.configuration),
        inputs=[*_documents(run, manifest), tagger, *_lists(run)],
        outputs=_tables(run, job.output, manifest),
        part_of=job if run.part else None,
        error=manifest.get("error", "") if manifest and is_failed else "",
    )


def assertions(run: RunDescription, manifest: Manifest) -> Sequence[Assertion]:
    """What a run was asked to make sure of, over all that it read."""
    counts = manifest["counts"]
    made = [
        Assertion(
            "max_dead_letters",
            success=not too_many_dead_letters(manifest, run),
            expected=f"{run.max_dead_letters:g}",
            actual=f"{counts['dead_letters'] / max(counts['records'], 1):.4g}",
            description="share of the run's records that could not be processed",
            is_blocking=not run.quarantine,
        )
    ]
    if run.max_broken_files is not None:
        made.append(
            Assertion(
                "max_broken_files",
                success=not too_many_broken_files(manifest, run),
                expected=f"{run.max_broken_files:g}",
                actual=f"{counts['broken_files'] / max(counts['files'], 1):.4g}",
                description="share of the run's files that could not be read to their end",
                is_blocking=not run.quarantine,
            )
        )
    if level := manifest.get("drift", {}).get("level"):
        made.append(
            Assertion(
                "drift",
                success=level != "drift",
                expected="stable or moderate",
                actual=level,
                description="how far the documents are from those that the model was judged by",
                is_blocking=run.fail_on_drift,
            )
        )
    return made


def _documents(run: RunDescription, manifest: Manifest | None) -> Sequence[Dataset]:
    """Where the documents are that a run reads; once it is done, how many, and what came of it."""
    places = input_places(path for path in run.configuration["input"] if path != FORGOTTEN)
    if not manifest or "counts" not in manifest:
        return [Dataset(*dataset_name(place), "FILE", _DOCUMENTS) for place in places]
    counted, asserted = _counted(places, manifest), assertions(run, manifest)
    return [
        Dataset(
            *dataset_name(place),
            "FILE",
            _DOCUMENTS,
            rows=counted[place]["records"],
            files=counted[place]["files"],
            assertions=asserted,
        )
        for place in places
    ]


def _lists(run: RunDescription) -> Sequence[Dataset]:
    """The files of the gazetteer, each in the state whose hash is its version."""
    digests = run.configuration.get("gazetteer", ())
    return [
        Dataset(*dataset_name(path), "FILE", _LIST, version=digest)
        for path, digest in zip(run.gazetteer, digests, strict=True)
    ]


def _tables(run: RunDescription, output: str, manifest: Manifest | None) -> Sequence[Dataset]:
    """The tables that a run is to write, or has written."""
    written: Mapping[str, Any] = manifest.get("tables", {}) if manifest else {}
    columns = {**TABLES, "documents": documents_schema(run.keep_fields)}
    tables = []
    for table, schema in columns.items():
        if manifest and table not in written:
            continue
        entry = written.get(table)
        is_summed = entry is not None and table == "documents"
        counts: Mapping[str, Any] = manifest["counts"] if manifest and is_summed else {}
        tables.append(
            Dataset(
                *dataset_name(f"{output}/{table}"),
                "TABLE",
                description=schema.metadata[b"doc"].decode(),
                columns=schema,
                rows=entry["rows"] if entry else None,
                size=entry["bytes"] if entry else None,
                files=len(entry["files"]) if entry else None,
                sums={column: counts[column] for column in _SUMMED if column in counts},
            )
        )
    return tables


def _counted(places: Sequence[str], manifest: Manifest) -> Mapping[str, Counter[str]]:
    """The files and records of each place; the first has those that are in none.

    Such are the sources whose dead letters are read again, and what was forgotten.
    """
    counted = {place: Counter[str]() for place in places}
    for entry in manifest.get("inputs", ()) if places else ():
        place = place_of(entry["source"], places) or places[0]
        counted[place].update(files=1, records=entry["records"])
    return counted


def _parameters(configuration: Configuration) -> Mapping[str, object]:
    """The flags of a run; what it reads is told by its inputs."""
    return {name: value for name, value in configuration.items() if name != "input"}
