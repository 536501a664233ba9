"""Extract entities from documents: `python -m pipeline.run --runner=DirectRunner`."""

from collections.abc import Sequence

from model.runtime import forgo_keras, lasting_imports
from pipeline.command_line import account, main


def run(arguments: Sequence[str]) -> int:
    """Run an extraction as the flags say and print an account of it; returns the exit code."""
    # Beam logs at import, so it is imported once the libraries are quiet.
    with lasting_imports():
        from pipeline.extraction import run_extraction
        from pipeline.options import parse_extraction
        from pipeline.summary import format_summary

    config = parse_extraction(arguments)
    run_extraction(config, lambda manifest: account(format_summary(manifest, config.output)))
    return 0


if __name__ == "__main__":
    forgo_keras()  # worker processes inherit it
    main(run)
