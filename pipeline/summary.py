"""The account that ends a run: a manifest in, what a person reads in ten seconds out."""

import os
from collections.abc import Mapping
from typing import Any

from model.drift import drift_in_words
from pipeline.shards import is_remote


def format_summary(manifest: Mapping[str, Any], output: str, *, has_report: bool = False) -> str:
    """The summary of a run that did not fail, without a line break at the end."""
    counts, seconds = manifest["counts"], manifest["timings"]["seconds"]
    run_id = manifest["run_id"]
    skipped, broken = counts.get("skipped_files", 0), counts["broken_files"]
    by_label = sorted(counts["entities_by_label"].items(), key=lambda item: (-item[1], item[0]))
    found = [f"{counts['entities']:,} entities", *(f"{label} {n:,}" for label, n in by_label)]
    drifted = drift_in_words(manifest.get("drift", {}))
    rate = counts["tokens"] / max(seconds, 1e-9)
    lines = [f"run {run_id} {manifest['status']} in {seconds:,.1f} s, model {manifest['model']}"]
    facts = {
        "skipped": f"{skipped:,} files, done already with this model and configuration",
        "read": f"{counts['files']:,} files, {counts['records']:,} records",
        "": f"= {counts['documents']:,} documents + {counts['dead_letters']:,} dead letters",
        "broken": f"{broken:,} files could not be read to the end",
        "tagged": f"{counts['tokens']:,} tokens, {rate:,.0f} a second",
        "found": ", ".join(found),
        "drift": drifted,
        "written": shown_path(output),
    }
    shown = {"skipped": skipped, "broken": broken, "drift": drifted}
    if not counts["files"]:
        shown |= dict.fromkeys(("", "tagged", "found"), 0)
    lines += [f"  {name:<9} {fact}" for name, fact in facts.items() if shown.get(name, 1)]
    lines += [
        f"    {f'{table}/run_id={run_id}':<46} {written['rows']:>10,} rows "
        f"{written['bytes'] / 1e6:>9,.2f} MB"
        for table, written in manifest["tables"].items()
    ]
    report = [f"    reports/{run_id}.html"] if has_report else []
    return "\n".join([*lines, f"    runs/{run_id}.json", *report])


def shown_path(path: str) -> str:
    """A local path relative to where the user is, if that is shorter."""
    if is_remote(path):
        return path
    relative = os.path.relpath(path)
    return min(path, relative, key=len)
