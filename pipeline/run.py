"""Extract entities from documents: `python -m pipeline.run --runner=DirectRunner`."""

from collections.abc import Sequence
from typing import NoReturn

from model.runtime import hidden, lasting_imports
from pipeline.configuration.extraction import parse_extraction
from pipeline.console.process import main
from pipeline.filesystems.beam import OBJECT_STORES, load_object_stores
from pipeline.filesystems.paths import is_remote


def run(arguments: Sequence[str]) -> int:
    """Run an extraction as the flags say and print an account of it; returns the exit code."""
    # Beam logs at import, so it is imported once the libraries are quiet.
    has_stores = any(map(is_remote, arguments))
    with lasting_imports(), hidden(*(() if has_stores else OBJECT_STORES)):
        config = parse_extraction(arguments)
        from pipeline.job import run_job

    if has_stores:
        load_object_stores()

    run_job(config)
    return 0


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    # Beam and pyarrow would import pandas, in each process: 0.2 s. Who calls `run` may use it.
    with hidden("pandas"):
        main(run)


if __name__ == "__main__":
    command()
