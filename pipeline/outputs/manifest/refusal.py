"""Why a run that is done is not committed: too much of it was lost, or it drifted."""

from model.drift.compare import drift_in_words
from pipeline.console.text import listed
from pipeline.outputs.description import RunDescription
from schemas.errors import BrokenFilesError, DeadLettersError, DriftError, JobError
from schemas.manifest import Manifest

_NAMED = 5  # files, in a sentence


def refusal(
    manifest: Manifest, run: RunDescription, textless: str | None = None
) -> JobError | None:
    """Why the run that this manifest would commit is refused, in words; None: it is not.

    textless: that no record has a text, in words, whatever share of dead letters is allowed.
    """
    if textless:
        return DeadLettersError(textless)
    counts = manifest["counts"]
    failed, records, allowed = counts["dead_letters"], counts["records"], run.max_dead_letters
    if failed > allowed * records:
        return DeadLettersError(
            f"{failed:,} of {records:,} records became dead letters, a share of "
            f"{failed / records:.3g}, and --max_dead_letters is {allowed:g}"
        )
    broken = None if run.quarantine else too_many_broken_files(manifest, run.max_broken_files)
    if broken:
        return broken
    drift = drift_in_words(manifest.get("drift", {})) if run.fail_on_drift else None
    return DriftError(f"the documents are {drift}, and --fail_on_drift is given") if drift else None


def refused_for(manifest: Manifest, run: RunDescription) -> JobError:
    """Why the run of this manifest was refused: if for nothing it counts, no record has a text."""
    error, counted = manifest["error"], refusal(manifest, run)
    return counted if counted and str(counted) == error else DeadLettersError(error)


def too_many_broken_files(manifest: Manifest, allowed: float | None) -> BrokenFilesError | None:
    """More files than the allowed share are broken, or all of them; None: that is not so."""
    broken, files = manifest["counts"]["broken_files"], manifest["counts"]["files"]
    if allowed is None or not broken or (broken <= allowed * files and broken < files):
        return None
    limit = f", and --max_broken_files is {allowed:g}" if broken > allowed * files else ""
    return BrokenFilesError(f"{broken_in_words(manifest)}{limit}")


def broken_in_words(manifest: Manifest) -> str:
    """How many files could not be read to their end, and which."""
    broken = [entry["source"] for entry in manifest["inputs"] if not entry["complete"]]
    end = "its end" if len(broken) == 1 else "their end"
    count = f"{len(broken):,} of {len(manifest['inputs']):,} files"
    return f"{count} could not be read to {end} ({listed(broken, most=_NAMED)})"
