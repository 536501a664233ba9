"""What there is to tell of a run, as records: OpenLineage's terms, without its client."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pyarrow as pa

from model.tagger.artifact import Artifact
from pipeline.lineage.names import dataset_name

State = Literal["START", "COMPLETE", "FAIL", "ABORT"]
Kind = Literal["FILE", "TABLE", "MODEL"]


@dataclass(frozen=True)
class Assertion:
    """What was asked of a dataset, and what was found.

    is_blocking: whether a run fails where it is not so.
    """

    name: str
    success: bool
    expected: str
    actual: str
    description: str
    is_blocking: bool = True


@dataclass(frozen=True)
class Dataset:
    """What is read or written, by the name that it has with everybody who tells of it.

    columns: their `doc` becomes their description. version: what tells two states of it apart.
    rows, size, files: what was read or written of it; size in bytes. sums: of columns, over these
    rows. assertions: of what is read alone, as the standard has it. model: of a tagger, what is
    known of it. table_format: of a table that has one.
    """

    namespace: str
    name: str
    kind: Kind
    description: str = ""
    columns: pa.Schema | None = None
    version: str = ""
    rows: int | None = None
    size: int | None = None
    files: int | None = None
    sums: Mapping[str, int] = field(default_factory=dict)
    assertions: Sequence[Assertion] = ()
    model: Artifact | None = None
    table_format: Literal["delta", "iceberg"] | None = None


@dataclass(frozen=True)
class RunName:
    """Which run of which job: all its events have this in common, and runs that it started name it.

    job: the same each night. run_id, output: of all runs that start at the same moment, these have
    one alone.
    """

    job: str
    run_id: str
    output: str
    started_at: datetime


@dataclass(frozen=True)
class LineageRun:
    """What there is to tell of a run.

    kind: of job, such as EXTRACTION. engine: the name and version of what it runs on. parameters:
    the settings it was given. part_of: the job's own run, where this is a part of it. error: why it
    failed, where it is known to have.
    """

    name: RunName
    kind: str
    description: str
    engine: tuple[str, str]
    parameters: Mapping[str, object] = field(default_factory=dict)
    inputs: Sequence[Dataset] = ()
    outputs: Sequence[Dataset] = ()
    part_of: RunName | None = None
    error: str = ""


@dataclass(frozen=True)
class Notice:
    """What happened to a run and when. error: why it failed, where its facts do not say so."""

    state: State
    at: datetime
    facts: Callable[[], LineageRun]
    error: str = ""


def model_dataset(path: str, description: str, model: Artifact | None, version: str) -> Dataset:
    """A tagger in its directory; model: None where it is still to be trained."""
    return Dataset(
        *dataset_name(path),
        "MODEL",
        description=description,
        version=version,
        model=model,
    )
