"""Extract entities from documents: `python -m pipeline.run --runner=DirectRunner`."""

import contextlib
from collections.abc import Sequence
from typing import NoReturn

from model.runtime import hidden, lasting_imports
from pipeline.configuration.extraction import parse_extraction
from pipeline.console.printing import console
from pipeline.console.process import main
from pipeline.filesystems.beam import OBJECT_STORES, load_object_stores
from pipeline.filesystems.paths import is_remote
from pipeline.report.summary import as_event, format_summary


def run(arguments: Sequence[str]) -> int:
    """Run an extraction as the flags say and print an account of it; returns the exit code."""
    # Beam logs at import, so it is imported once the libraries are quiet.
    has_stores = any(map(is_remote, arguments))
    with lasting_imports(), hidden(*(() if has_stores else OBJECT_STORES)):
        config = parse_extraction(arguments)
        from pipeline.extraction import extract_runs
        from pipeline.publication.publish import publishing
        from pipeline.report.metrics import metrics_written

    if has_stores:
        load_object_stores()

    tell = console()
    tell.about(run_id=config.run_id)
    tell.event("job_started", output=config.output, model=config.model)
    with (
        metrics_written(config.metrics, config.output) as job,
        publishing(config.output, config.publish),
        contextlib.closing(extract_runs(config)) as outcomes,
    ):
        for manifest, has_report, refusal in outcomes:
            job.add(manifest)
            if not refusal:  # which is raised once all runs have ended
                tell.account(
                    format_summary(manifest, config.output, tell.paint, has_report=has_report),
                    as_event(manifest, config.output, has_report=has_report),
                )
    return 0


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    # Beam and pyarrow would import pandas, in each process: 0.2 s. Who calls `run` may use it.
    with hidden("pandas"):
        main(run)


if __name__ == "__main__":
    command()
