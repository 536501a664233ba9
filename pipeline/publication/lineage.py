"""What there is to tell of a publish: tables of an output in, those of a target out."""

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version

from pipeline.lineage.names import dataset_name
from pipeline.lineage.records import Dataset, LineageRun, RunName
from pipeline.outputs.layout import NAMES
from pipeline.outputs.names import has_names
from pipeline.publication.table import Published, Target
from schemas.tables import NAMES as NAMES_SCHEMA
from schemas.tables import TABLES

JOB = "jobs.publish"


def publish_run(
    root: str, target: Target, started: datetime, published: Sequence[Published] = ()
) -> LineageRun:
    """A publish of an output to a target; published: what became of its tables."""
    done = {table.table: table for table in published}
    has_table = NAMES in done if done else has_names(root)
    schemas = {**TABLES, **({NAMES: NAMES_SCHEMA} if has_table else {})}
    return LineageRun(
        name=RunName(f"{JOB}:{target.text}", started.isoformat(), root, started),
        kind="PUBLISH",
        description="Commits what counts of an output to tables of an open format",
        engine=(target.package, version(target.package)),
        inputs=[Dataset(*dataset_name(f"{root}/{table}"), "TABLE") for table in schemas],
        outputs=[
            Dataset(
                *target.dataset(table),
                "TABLE",
                description=schema.metadata[b"doc"].decode(),
                columns=done[table].columns if table in done else None,
                rows=done[table].rows if table in done else None,
                files=done[table].files if table in done else None,
                table_format=target.table_format,
            )
            for table, schema in schemas.items()
        ],
    )
