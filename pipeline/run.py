"""Extract entities from documents: `python -m pipeline.run --runner=DirectRunner`."""

import sys
from collections.abc import Sequence
from typing import Any

from model.runtime import forgo_keras, lasting_imports
from pipeline.colour import painter
from pipeline.command_line import account, main
from pipeline.events import events_on
from pipeline.flags import extraction_parser
from schemas.errors import DriftError


def run(arguments: Sequence[str]) -> int:
    """Run an extraction as the flags say and print an account of it; returns the exit code.

    With --fail_on_drift, raises DriftError once all is committed where a run drifted.
    """
    # Help and values of the wrong kind are answered before Beam is imported, which takes a second.
    extraction_parser().parse_known_args(arguments)
    # Beam logs at import, so it is imported once the libraries are quiet.
    with lasting_imports():
        from model.drift import drift_in_words
        from pipeline.extraction import run_extraction
        from pipeline.options import parse_extraction
        from pipeline.summary import as_event, format_summary

    config = parse_extraction(arguments)
    events = events_on(sys.stdout)
    if events:
        events.about(run_id=config.run_id)
        events.event("job_started", "info", output=config.output, model=config.model)
    drifted: list[str] = []

    def tell(manifest: dict[str, Any]) -> None:
        if events:
            events.event(**as_event(manifest, config.output))
        else:
            account(format_summary(manifest, config.output, painter(sys.stdout)))
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
