"""List the runs, oldest first, with their state and what counts of them now."""

import argparse

from pipeline.command_line import account
from pipeline.current import current_sources
from pipeline.options import output_root
from pipeline.output import read_manifests

_COLUMNS = ("run", "status", "started", "seconds", "files", "counting", "documents", "entities")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Nothing beside `--output`."""


def run(flags: argparse.Namespace) -> int:
    """Print one line for each run."""
    manifests = read_manifests(output_root(flags.output))
    counting: dict[str, int] = {}
    for state in current_sources(manifests).values():
        for run_id in state.runs:
            counting[run_id] = counting.get(run_id, 0) + 1
    rows = [_COLUMNS]
    for manifest in sorted(manifests, key=lambda run: str(run["timings"]["started_at"])):
        counts = manifest.get("counts", {})
        rows.append(
            (
                manifest["run_id"],
                manifest["status"],
                manifest["timings"]["started_at"][:19],
                f"{manifest['timings']['seconds']:,.1f}",
                f"{counts.get('files', 0):,}",
                f"{counting.get(manifest['run_id'], 0):,}",
                f"{counts.get('documents', 0):,}",
                f"{counts.get('entities', 0):,}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        account("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    return 0
