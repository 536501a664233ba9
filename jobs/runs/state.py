"""What became of a run, in words: its state, and why a committed one does not count."""

from collections.abc import Sequence

from jobs.runs.outputs import Output
from pipeline.console.text import listed
from schemas.manifest import Manifest

_NAMED = 3


def status_in_words(manifest: Manifest) -> str:
    """The status of a run as people read it."""
    return manifest["status"].replace("_", " ")


def repaired_runs(manifest: Manifest) -> list[str]:
    """The runs whose dead letters a run read again."""
    return sorted({e["repairs"] for e in manifest.get("inputs", ()) if e.get("repairs")})


def why_not(output: Output, manifest: Manifest) -> str:
    """Why a committed run counts for no file, and whether it did so before or is yet to do so."""
    run_id = manifest["run_id"]
    for other in output.manifests:
        if other["status"] == "committed" and run_id in other.get("replaces", ()):
            return f"no longer: merged into {other['run_id']}"
    ages = {told["run_id"]: age for age, told in enumerate(output.manifests)}
    newer: set[str] = set()
    complete: set[str] = set()
    for entry in manifest["inputs"]:
        counting = output.current.get(entry["source"])
        if counting is None:  # of a repair, whose base is gone
            continue
        # A newer run replaces an older one, unless it alone could not read the file to its end.
        replaced = entry.get("repairs") or ages[counting.run_id] > ages[run_id]
        (newer if replaced else complete).add(counting.run_id)
    told = []
    if newer:
        told.append(f"no longer: superseded by {named(sorted(newer, key=ages.__getitem__))}")
    if complete:
        others = named(sorted(complete, key=ages.__getitem__))
        told.append(f"not yet: it did not read its files to their end, as {others} did")
    return "; the rest ".join(told) or "for no file"


def named(run_ids: Sequence[str]) -> str:
    """The first of these runs, and how many there are beside."""
    return listed(run_ids, most=_NAMED)
