"""Merge many small runs into one that counts as they did.

Runs are merged that have the same model and the same configuration as far as rows depend on it,
with the repairs of their dead letters. What counts stays the same, and `--only_new` skips the same
files. What these runs held of sources that later runs read anew is gone: where such a run is rolled
back, its files are new again.
"""

import argparse
import secrets
from datetime import UTC, datetime

from jobs.runs.compact.groups import Group, find_groups
from jobs.runs.compact.merge import merge
from jobs.runs.outputs import add_dry_run, changing, days_ago, tell
from pipeline.outputs.storage import run_storage
from schemas.errors import UsageError

_MB = 1_000_000


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Which runs, and how large the files."""
    parser.add_argument(
        "--older_than",
        type=int,
        default=0,
        metavar="DAYS",
        help="only runs that started so long ago",
    )
    parser.add_argument(
        "--target_file_mb", type=int, default=128, metavar="N", help="size of a Parquet file"
    )
    add_dry_run(parser)


def run(flags: argparse.Namespace) -> int:
    """Merge group by group; each is whole, whatever becomes of the next."""
    for name, least in (("older_than", 0), ("target_file_mb", 1)):
        if getattr(flags, name) < least:
            raise UsageError(f"--{name} is {getattr(flags, name)}, expected at least {least}")
    before = days_ago(flags.older_than)
    with changing(flags) as output:
        groups = find_groups(output.manifests, before)
        for group in groups:
            if flags.dry_run:
                tell(flags, f"would be merged: {_described(group)}")
                continue
            storage = run_storage(output.root, _run_id(datetime.now(UTC)))
            merged = merge(group, storage, flags.target_file_mb * _MB, output)
            files = sum(len(table["files"]) for table in merged["tables"].values())
            size = sum(table["bytes"] for table in merged["tables"].values())
            tell(
                flags,
                f"{storage.run_id}: {files:,} files, {size / 1e6:,.2f} MB, of {_described(group)}",
            )
        if not groups:
            tell(flags, "no two runs to be merged")
    return 0


def _run_id(now: datetime) -> str:
    return f"c{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def _described(group: "Group") -> str:
    tables = [table for run in group.runs for table in run["tables"].values()]
    files = sum(len(table["files"]) for table in tables)
    size = sum(table["bytes"] for table in tables)
    first, last = group.runs[0]["run_id"], group.runs[-1]["run_id"]
    return (
        f"{len(group.runs):,} runs from {first} to {last}: {files:,} files, {size / 1e6:,.2f} MB, "
        f"{group.superseded:,} superseded documents"
    )
