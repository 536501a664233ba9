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
        from pipeline.report.publish import try_report
        from pipeline.storage import RunStorage
        from pipeline.summary import format_summary

    config = parse_extraction(arguments)
    drifted: list[str] = []

    def report(manifest: dict[str, Any]) -> bool:
        return try_report(RunStorage(config.output, manifest["run_id"]), manifest)

    def tell(manifest: dict[str, Any]) -> None:
        try:
            has_report = report(manifest)
        except KeyboardInterrupt as error:
            said = str(error) or "interrupted"
            raise KeyboardInterrupt(f"{said}; run {manifest['run_id']} is committed") from error
        account(format_summary(manifest, config.output, has_report=has_report))
        words = drift_in_words(manifest.get("drift", {}))
        if words:
            drifted.append(f"{manifest['run_id']} is committed, but its documents are {words}")

    run_extraction(config, tell, report)
    if config.fail_on_drift and drifted:
        several = f"{len(drifted):,} runs drifted, of which the first " if drifted[1:] else "run "
        raise DriftError(several + drifted[0])
    return 0


if __name__ == "__main__":
    forgo_keras()  # worker processes inherit it
    main(run)
