"""List the runs, oldest first, and what counts of each."""

import argparse

from jobs.runs.layout import as_json, cause
from jobs.runs.outputs import Output, find_output
from jobs.runs.state import named, repaired_runs, status_in_words
from model.drift.last_run import NAME as LAST_RUN
from pipeline.console.printing import answer
from pipeline.console.text import aligned, counted, moment, short_duration
from schemas.manifest import Manifest

_COLUMNS = (
    *("run", "status", "started (UTC)", "took", "files", "now"),
    *("documents", "dead", "entities"),
)
_COUNTS = ("files", "skipped_files", "broken_files", "documents", "dead_letters", "entities")
_ERROR_SHOWN = 90


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="as JSON, one object a run")


def run(flags: argparse.Namespace) -> int:
    """Print one line for each run, and one more where there is something to note."""
    output = find_output(flags.output)
    if flags.json:
        answer(as_json([_described(output, manifest) for manifest in output.manifests]))
    else:
        answer("\n".join(_lines(output)))
    return 0


def _described(output: Output, manifest: Manifest) -> dict[str, object]:
    """What `--json` says of a run."""
    return {
        "run_id": manifest["run_id"],
        "status": manifest["status"],
        "started_at": manifest["timings"]["started_at"],
        "seconds": manifest["timings"]["seconds"],
        "model": manifest["model"],
        **_counts(manifest),
        "counting_files": output.counting[manifest["run_id"]],
        "part": manifest.get("part"),
        "repairs": repaired_runs(manifest),
        "replaces": manifest.get("replaces", []),
        "forgotten": len(manifest.get("forgotten", ())),
        "drift": manifest.get("drift", {}).get("level"),
        "error": manifest.get("error"),
    }


def _counts(manifest: Manifest) -> dict[str, int]:
    counts = manifest.get("counts", {})
    return {name: value for name in _COUNTS if isinstance(value := counts.get(name, 0), int)}


def _lines(output: Output) -> list[str]:
    if not output.manifests:
        return ["no runs"]
    cells = [_cells(output, manifest) for manifest in output.manifests]
    head, *lines = aligned([_COLUMNS, *cells], names=range(3))
    shown, model = [head], None
    for manifest, line in zip(output.manifests, lines, strict=True):
        notes = _notes(manifest)
        if manifest["model"] != model:
            model = manifest["model"]
            notes.insert(0, f"model {model}")
        shown += [line, *(f"    {note}" for note in notes)]
    counting = (
        output.counting[run["run_id"]] for run in output.manifests if not repaired_runs(run)
    )
    return [*shown, f"now: files whose rows of that run count; {sum(counting):,} in all"]


def _cells(output: Output, manifest: Manifest) -> list[str]:
    """A line of the table; of a run without rows, a dash for these."""
    counts, timings = _counts(manifest), manifest["timings"]
    is_gone = manifest["status"] in ("failed", "rolled_back")
    return [
        manifest["run_id"],
        status_in_words(manifest),
        timings["started_at"][:16].replace("T", " "),
        short_duration(timings["seconds"]),
        f"{counts['files']:,}",
        f"{output.counting[manifest['run_id']]:,}",
        "-" if is_gone else f"{counts['documents']:,}",
        f"{counts['dead_letters']:,}",
        "-" if is_gone else f"{counts['entities']:,}",
    ]


def _notes(manifest: Manifest) -> list[str]:
    """What is out of the ordinary in a run."""
    notes, counts, repaired = [], _counts(manifest), repaired_runs(manifest)
    if "part" in manifest:
        notes.append("part {number} of {count} of {of}".format(**manifest["part"]))
    if counts["skipped_files"]:
        notes.append(f"{counted(counts['skipped_files'], 'file')} skipped, done before")
    if counts["broken_files"]:
        notes.append(f"{counted(counts['broken_files'], 'file')} could not be read to the end")
    if repaired:
        notes.append(f"reads dead letters of {named(repaired)} again")
    if "replaces" in manifest:
        notes.append(f"replaces {named(manifest['replaces'])}")
    drift = manifest.get("drift", {})
    if drift.get("level") == "drift":
        since = drift["statistics"].get(LAST_RUN, {}).get("level") == "drift"
        unlike = "far fewer entities than before" if since else "unlike the model's training data"
        notes.append(f"drift: {unlike}")
    if "forgotten" in manifest:
        notes.append("documents were erased from it")
    lines = [", ".join(notes)] if notes else []
    if manifest["status"] == "rolled_back":
        lines.append(f"rolled back on {moment(manifest['rolled_back_at'])}")
    elif "error" in manifest:
        lines.append(f"error: {cause(manifest['error'])[:_ERROR_SHOWN]}")
    return lines
