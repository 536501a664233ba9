"""Extract entities from documents: `python -m pipeline.run --runner=DirectRunner`."""

from collections.abc import Sequence
from typing import Any

from model.runtime import forgo_keras, lasting_imports
from pipeline.command_line import account, main
from schemas.errors import DriftError


def run(arguments: Sequence[str]) -> int:
    """Run an extraction as the flags say and print an account of it; returns the exit code.

    With --fail_on_drift, raises DriftError once all is committed where a run drifted.
    """
    # Beam logs at import, so it is imported once the libraries are quiet.
    with lasting_imports():
        from model.drift import drift_in_words
        from pipeline.extraction import run_extraction
        from pipeline.options import parse_extraction
        from pipeline.summary import format_summary

    config = parse_extraction(arguments)
    drifted: list[str] = []

    def tell(manifest: dict[str, Any]) -> None:
        account(format_summary(manifest, config.output))
        words = drift_in_words(manifest.get("drift", {}))
        if words:
            drifted.append(f"{manifest['run_id']} is committed, but its documents are {words}")

    run_extraction(config, tell)
    if config.fail_on_drift and drifted:
        several = f"{len(drifted):,} runs drifted, of which the first " if drifted[1:] else "run "
        raise DriftError(several + drifted[0])
    return 0


if __name__ == "__main__":
    forgo_keras()  # worker processes inherit it
    main(run)
