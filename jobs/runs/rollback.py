"""Take runs back: what they superseded counts again.

A run's manifest stays as the account. A job that was committed in parts is taken back whole by its
id, a part alone by its own.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from jobs.runs.outputs import Output, add_dry_run, changing, tell
from jobs.runs.state import status_in_words
from pipeline.console.arguments import did_you_mean
from pipeline.outputs.current import committed_runs
from pipeline.outputs.manifest import rolled_back_manifest
from pipeline.outputs.storage import run_storage
from pipeline.outputs.transactions import amend_run, settle_run
from schemas.errors import UsageError
from schemas.manifest import Manifest
from schemas.records import FileResult


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Which runs."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="the id of a run or of a job")
    add_dry_run(parser)


def run(flags: argparse.Namespace) -> int:
    """Take the runs back, newest first; all of them are looked at before one is touched."""
    with changing(flags, flags.runs) as output:
        chosen = _chosen(flags.runs, output)
        _require_unneeded(chosen, output)
        for manifest in reversed(chosen):
            counts = manifest["counts"]
            told = "would be rolled back" if flags.dry_run else "rolled back"
            if not flags.dry_run:
                storage = run_storage(output.root, manifest["run_id"])
                amend_run(storage, partial(_taken_back, manifest))
                output.outdated.append(partial(settle_run, storage))
            tell(
                flags,
                f"{manifest['run_id']} {told}: {counts['files']:,} files, "
                f"{counts['documents']:,} documents, {counts['entities']:,} entities, "
                f"{counts['dead_letters']:,} dead letters",
            )
    return 0


def _taken_back(manifest: Manifest) -> tuple[Manifest, Sequence[FileResult]]:
    return rolled_back_manifest(manifest, datetime.now(UTC)), ()


def _chosen(ids: Sequence[str], output: Output) -> list[Manifest]:
    """The committed runs of these ids, oldest first; raises UsageError for any other id."""
    chosen = {run_id for name in ids for run_id in _runs_of(name, output)}
    return [manifest for manifest in output.manifests if manifest["run_id"] in chosen]


def _runs_of(name: str, output: Output) -> list[str]:
    for manifest in output.manifests:
        if name in manifest.get("replaces", ()):
            raise UsageError(f"{name} was merged into {manifest['run_id']}: its rows are not apart")
    runs = output.runs_of(name)
    if name not in output.by_id:
        _require_apart(name, runs, output.manifests)
    if not runs:
        raise UsageError(f"{output.root} has no run {name}" + did_you_mean(name, output.by_id))
    committed = [manifest for manifest in runs if manifest["status"] == "committed"]
    if not committed:
        raise UsageError(
            f"{name} is {status_in_words(runs[0])}, and only committed runs can go back"
        )
    for manifest in committed:
        if "replaces" in manifest:
            raise UsageError(
                f"{name} holds the rows of {len(manifest['replaces'])} merged runs, which exist "
                "nowhere else"
            )
    return [manifest["run_id"] for manifest in committed]


def _require_apart(job: str, left: Sequence[Manifest], manifests: Sequence[Manifest]) -> None:
    """No part of the job was merged: a job goes back whole, or not at all."""
    for manifest in manifests:
        merged = [
            run_id
            for run_id in manifest.get("replaces", ())
            if run_id.rpartition(".")[0] == job and run_id.rpartition(".")[2].isdigit()
        ]
        if merged:
            others = ", ".join(run["run_id"] for run in left)
            raise UsageError(
                f"{', '.join(merged)} of {job} {'was' if len(merged) == 1 else 'were'} merged into "
                f"{manifest['run_id']}: {'its' if len(merged) == 1 else 'their'} rows are not apart"
                + (f"; {others} can go back alone" if left else "")
            )


def _require_unneeded(chosen: Sequence[Manifest], output: Output) -> None:
    """No run that stays repaired what these read: its rows count only beside theirs."""
    going = {manifest["run_id"] for manifest in chosen}
    runs = committed_runs(output.manifests)
    for manifest in chosen:
        later = runs[runs.index(manifest) + 1 :]
        counting = {
            run_id
            for source in output.current.values()
            if source.run_id == manifest["run_id"]
            for run_id in source.repairs
        }
        needing = (counting | _repaired_after(manifest, later)) - going
        if needing:
            names = [run["run_id"] for run in runs if run["run_id"] in needing]
            raise UsageError(
                f"{', '.join(names)} repaired dead letters after {manifest['run_id']} and would "
                f"not count without it; take them back with it: rollback {' '.join(names)} "
                f"{manifest['run_id']}"
            )


def _repaired_after(manifest: Manifest, later: Sequence[Manifest]) -> set[str]:
    """Of a repair, those that went on from it: their dead letters are what it left."""
    repaired = _repairs(manifest)
    return {run["run_id"] for run in later if repaired & _repairs(run)}


def _repairs(manifest: Manifest) -> set[tuple[str, str]]:
    return {
        (entry["source"], entry["repairs"]) for entry in manifest["inputs"] if entry.get("repairs")
    }
