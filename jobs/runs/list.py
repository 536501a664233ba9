"""List the runs, oldest first, and what counts of each."""

import argparse
from collections.abc import Mapping
from typing import Any

from jobs.runs.layout import as_json, cause, duration, number, say, table
from jobs.runs.outputs import Output, find_output
from jobs.runs.state import named, state

_COLUMNS = (
    *("run", "status", "started (UTC)", "took", "files", "now"),
    *("documents", "dead", "entities"),
)
_NUMBERED = ("files", "counting_files", "documents", "dead_letters", "entities")
_TO_THE_RIGHT = frozenset(range(3, len(_COLUMNS)))
_ERROR_SHOWN = 90


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="as JSON, one object a run")


def run(flags: argparse.Namespace) -> int:
    """Print one line for each run, and one more where there is something to note."""
    output = find_output(flags.output)
    runs = [_described(output, manifest) for manifest in output.manifests]
    say(as_json(runs) if flags.json else "\n".join(_lines(runs)))
    return 0


def _described(output: "Output", manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What `--json` says of a run."""
    told = manifest.get("counts", {})
    counts = {name: told.get(name, 0) for name in _COUNTS}
    repaired = sorted({e["repairs"] for e in manifest.get("inputs", ()) if e.get("repairs")})
    return {
        "run_id": manifest["run_id"],
        "status": manifest["status"],
        "started_at": manifest["timings"]["started_at"],
        "seconds": manifest["timings"]["seconds"],
        "model": manifest["model"],
        **counts,
        "counting_files": output.counting[manifest["run_id"]],
        "part": manifest.get("part"),
        "repairs": repaired,
        "replaces": list(manifest.get("replaces", ())),
        "forgotten": len(manifest.get("forgotten", ())),
        "drift": manifest.get("drift", {}).get("level"),
        "error": manifest.get("error"),
    }


_COUNTS = ("files", "skipped_files", "broken_files", "documents", "dead_letters", "entities")


def _lines(runs: list[dict[str, Any]]) -> list[str]:
    if not runs:
        return ["no runs"]
    cells = [
        (
            run["run_id"],
            state(run),
            run["started_at"][:16].replace("T", " "),
            duration(run["seconds"]),
            *(_cell(run, name) for name in _NUMBERED),
        )
        for run in runs
    ]
    head, *lines = table([_COLUMNS, *cells], _TO_THE_RIGHT)
    shown, model = [head], None
    for run, line in zip(runs, lines, strict=True):
        notes = _notes(run)
        if run["model"] != model:
            model = run["model"]
            notes.insert(0, f"model {model}")
        shown += [line, *(f"    {note}" for note in notes)]
    total = sum(run["counting_files"] for run in runs if not run["repairs"])
    return [*shown, f"now: files whose rows of that run count; {total:,} in all"]


def _cell(run: Mapping[str, Any], name: str) -> str:
    """A number of the table; of a failed run, a dash for rows that were not left."""
    gone = run["status"] == "failed" and name in ("documents", "entities")
    return "-" if gone else f"{run[name]:,}"


def _notes(run: Mapping[str, Any]) -> list[str]:
    """What is out of the ordinary in a run."""
    notes = []
    if run["part"]:
        notes.append("part {number} of {count} of {of}".format(**run["part"]))
    if run["skipped_files"]:
        notes.append(f"{number(run['skipped_files'], 'files')} skipped, done before")
    if run["broken_files"]:
        notes.append(f"{number(run['broken_files'], 'files')} could not be read to the end")
    if run["repairs"]:
        notes.append(f"reads dead letters of {named(run['repairs'])} again")
    if run["replaces"]:
        notes.append(f"replaces {named(run['replaces'])}")
    if run["drift"] == "drift":
        notes.append("drift: unlike the model's training data")
    if run["forgotten"]:
        notes.append("documents were erased from it")
    told = [", ".join(notes)] if notes else []
    if run["error"]:
        said = cause(run["error"])[:_ERROR_SHOWN]
        told.append(f"error: {said}" if state(run) == "failed" else said)
    return told
