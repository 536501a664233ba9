"""Remove old runs of which nothing counts.

A run of which a source still counts stays, however old it is. What a removed run held cannot count
again, also where the run that superseded it is rolled back.
"""

import argparse
from collections.abc import Sequence
from functools import partial

from jobs.runs.outputs import Output, add_dry_run, changing, days_ago, tell
from jobs.runs.state import status_in_words
from pipeline.console.text import counted
from pipeline.outputs.manifest.encoding import encode_manifest
from pipeline.outputs.storage import run_storage
from pipeline.outputs.transactions import remove_run
from schemas.errors import UsageError
from schemas.manifest import Manifest


def add_flags(parser: argparse.ArgumentParser) -> None:
    """How old, and what stays all the same."""
    parser.add_argument(
        "--older_than",
        type=int,
        required=True,
        metavar="DAYS",
        help="only runs that started so long ago",
    )
    parser.add_argument(
        "--keep", type=int, default=0, metavar="N", help="the newest N runs stay, whatever they are"
    )
    add_dry_run(parser)


def run(flags: argparse.Namespace) -> int:
    """Remove them, and print each with what it took."""
    for name in ("older_than", "keep"):
        if getattr(flags, name) < 0:
            raise UsageError(f"--{name} is {getattr(flags, name)}, expected at least 0")
    before = days_ago(flags.older_than)
    with changing(flags) as output:
        expired = find_expired(output, before, flags.keep)
        for manifest in expired:
            if not flags.dry_run:  # behind what is published: a table may still have their files
                storage = run_storage(output.root, manifest["run_id"])
                output.outdated.append(partial(remove_run, storage))
            told = "superseded" if manifest["status"] == "committed" else status_in_words(manifest)
            tell(flags, f"{manifest['run_id']}  {told}  {_megabytes([manifest])}")
    done = "would be removed" if flags.dry_run else "removed"
    tell(flags, f"{counted(len(expired), 'run')} {done}, {_megabytes(expired)}")
    return 0


def find_expired(output: Output, before: str, keep: int) -> list[Manifest]:
    """The runs that go, oldest first.

    Of an output whose tables all are without rows, the newest stay: a reader needs their columns.
    """
    manifests = output.manifests
    old = manifests[: max(0, len(manifests) - keep)]
    expired = [
        manifest
        for manifest in old
        if not output.counting[manifest["run_id"]] and manifest["timings"]["started_at"] < before
    ]
    if not any(_has_tables(manifest) for manifest in manifests if manifest not in expired):
        newest = [manifest for manifest in expired if _has_tables(manifest)][-1:]
        expired = [manifest for manifest in expired if manifest not in newest]
    return expired


def _has_tables(manifest: Manifest) -> bool:
    return "documents" in manifest.get("tables", {})


def _megabytes(manifests: Sequence[Manifest]) -> str:
    total = sum(
        len(encode_manifest(manifest))
        + sum(table["bytes"] for table in manifest.get("tables", {}).values())
        for manifest in manifests
    )
    return f"{total / 1e6:,.2f} MB"
