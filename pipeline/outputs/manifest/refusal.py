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
    lost = too_much_lost(manifest, run)
    if lost and not (run.quarantine and _is_of_some_files(lost, manifest, run)):
        return lost
    drift = drift_in_words(manifest.get("drift", {})) if run.fail_on_drift else None
    return DriftError(f"the documents are {drift}, and --fail_on_drift is given") if drift else None


def too_much_lost(manifest: Manifest, run: RunDescription) -> JobError | None:
    """Why a run would be refused without --quarantine, in words; None: it has lost too little.

    With --quarantine, dead letters are said with the files that have more of them than the share.
    """
    return too_many_dead_letters(manifest, run) or too_many_broken_files(manifest, run)


def too_many_dead_letters(manifest: Manifest, run: RunDescription) -> DeadLettersError | None:
    """That more of the records died than the run allows, in words; None: no more did."""
    counts = manifest["counts"]
    failed, records, allowed = counts["dead_letters"], counts["records"], run.max_dead_letters
    if not _is_too_much(failed, records, allowed):
        return None
    full = _full_of_dead_letters(manifest, run) if run.quarantine else []
    of = f" (of {listed(full, most=_NAMED)})" if full else ""
    return DeadLettersError(
        f"{failed:,} of {records:,} records became dead letters{of}, a share of "
        f"{failed / records:.3g}, and --max_dead_letters is {allowed:g}"
    )


def _is_of_some_files(lost: JobError, manifest: Manifest, run: RunDescription) -> bool:
    """Whether files are left that have not too many dead letters; broken ones have rows as well."""
    with_records = sum(1 for entry in manifest["inputs"] if entry["records"])
    return isinstance(lost, BrokenFilesError) or with_records > len(
        _full_of_dead_letters(manifest, run)
    )


def _full_of_dead_letters(manifest: Manifest, run: RunDescription) -> list[str]:
    return [
        entry["source"]
        for entry in manifest["inputs"]
        if _is_too_much(entry["dead_letters"], entry["records"], run.max_dead_letters)
    ]


def _is_too_much(failed: int, records: int, allowed: float) -> bool:
    """More than the share; one alone among good ones is no pattern, unless none is allowed."""
    if allowed and failed == 1 < records:
        return False
    return failed > allowed * records


def refused_for(manifest: Manifest, run: RunDescription) -> JobError:
    """Why the run of this manifest was refused: if for nothing it counts, no record has a text."""
    error, counted = manifest["error"], refusal(manifest, run)
    return counted if counted and str(counted) == error else DeadLettersError(error)


def too_many_broken_files(manifest: Manifest, run: RunDescription) -> BrokenFilesError | None:
    """That more of the files broke than the run allows, in words; None: no more did."""
    allowed = run.max_broken_files
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
