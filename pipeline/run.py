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
    # Beam logs at import, so it is imported once the libraries are quiet. It imports pandas too
    # where that is installed, for data frames in pipelines, and so would pyarrow in each process,
    # with the first array and the first number: it looks once, and then goes without.
    has_stores = any(map(is_remote, arguments))
    with lasting_imports(), hidden("pandas", *(() if has_stores else OBJECT_STORES)):
        config = parse_extraction(arguments)
        import numpy as np
        import pyarrow as pa

        from pipeline.extraction import extract_runs

        pa.array(np.zeros(0))
        pa.scalar(0)
    if has_stores:
        load_object_stores()

    tell = console()
    tell.about(run_id=config.run_id)
    tell.event("job_started", output=config.output, model=config.model)
    with contextlib.closing(extract_runs(config)) as outcomes:
        for manifest, has_report in outcomes:
            tell.account(
                format_summary(manifest, config.output, tell.paint, has_report=has_report),
                as_event(manifest, config.output, has_report=has_report),
            )
    return 0


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
