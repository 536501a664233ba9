"""The account that ends a run: a manifest in, what is read in ten seconds out, or one event."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from model.drift.compare import drift_in_words
from pipeline.console.colour import Paint, plain
from pipeline.console.text import counted, duration
from pipeline.filesystems.paths import shown_path

_WIDTH = 80
_INDENT = " " * 11


def format_summary(
    manifest: Mapping[str, Any], output: str, paint: Paint = plain, *, has_report: bool = False
) -> str:
    """The summary of a run that did not fail, without a line break at the end.

    Each fact is one entry, shown where it says something: what was done or lost, where it is.
    """
    run_id, counts = manifest["run_id"], manifest["counts"]
    where = shown_path(output)
    facts = {
        "skipped": _skipped(counts),
        "read": _read(counts),
        "tagged": _tagged(manifest),
        "found": _found(counts),
        "lost": _lost(counts, paint),
        "drift": _drift(manifest, paint),
        "output": "\n".join([where, *_places(manifest)]),
        "report": f"{where}/reports/{run_id}.html" if has_report else "",
        "next": _next(manifest, where),
    }
    status = paint(manifest["status"], "good" if counts["files"] else "aside")
    head = f"run {paint(run_id, 'name')} {status} in {duration(manifest['timings']['seconds'])}"
    return "\n".join([head, *(f"  {name:<8} {told}" for name, told in facts.items() if told)])


def as_event(
    manifest: Mapping[str, Any], output: str, *, has_report: bool = False
) -> dict[str, Any]:
    """The same as one event for machines; a warning where a person should look."""
    counts = manifest["counts"]
    lost = counts["dead_letters"] or counts["broken_files"]
    drifted = manifest.get("drift", {}).get("level") == "drift"
    root = output.rstrip("/")
    return {
        "name": "run_committed",
        "level": "warning" if lost or drifted else "info",
        **{name: manifest[name] for name in ("run_id", "status", "model", "counts", "timings")},
        "drift": manifest.get("drift", {}).get("level"),
        "tables": {
            table: {
                "path": f"{root}/{table}/run_id={manifest['run_id']}",
                "rows": written["rows"],
                "bytes": written["bytes"],
            }
            for table, written in manifest["tables"].items()
        },
        "manifest": f"{root}/runs/{manifest['run_id']}.json",
        "report": f"{root}/reports/{manifest['run_id']}.html" if has_report else None,
    }


def _skipped(counts: Mapping[str, Any]) -> str:
    skipped = counts.get("skipped_files", 0)
    told = f"{counted(skipped, 'file')}, done already with this model and configuration"
    return told if skipped else ""


def _read(counts: Mapping[str, Any]) -> str:
    told = f"{counted(counts['files'], 'file')}, {counted(counts['records'], 'record')}"
    if not counts["files"]:
        return told
    documents = counted(counts["documents"], "document")
    return f"{told} = {documents} + {counted(counts['dead_letters'], 'dead letter')}"


def _tagged(manifest: Mapping[str, Any]) -> str:
    tokens = manifest["counts"]["tokens"]
    rate = tokens / max(manifest["timings"]["seconds"], 1e-9)
    told = f"{counted(tokens, 'token')}, {rate:,.0f} a second, with {manifest['model']}"
    return told if manifest["counts"]["files"] else ""


def _found(counts: Mapping[str, Any]) -> str:
    """The entities, and the labels by how often they are: as many as fit on the line."""
    by_label = sorted(counts["entities_by_label"].items(), key=lambda item: (-item[1], item[0]))
    found = f"{counts['entities']:,} {'entity' if counts['entities'] == 1 else 'entities'}"
    told = found
    for named in range(len(by_label) + 1):
        labels = [f"{label} {n:,}" for label, n in by_label[:named]]
        if by_label[named:]:
            others = sum(n for _, n in by_label[named:])
            labels.append(f"{counted(len(by_label) - named, 'other')} {others:,}")
        longer = ": ".join(filter(None, [found, ", ".join(labels)]))
        if named > 1 and len(longer) > _WIDTH - len(_INDENT):
            break
        told = longer
    return told if counts["files"] else ""


def _lost(counts: Mapping[str, Any], paint: Paint) -> str:
    """Said of every run that read anything, also where nothing was lost."""
    letters, broken = counts["dead_letters"], counts["broken_files"]
    told = []
    if letters:
        told.append(paint(f"{counted(letters, 'record')}, kept in dead_letters", "warning"))
    if broken:
        told.append(paint(f"{counted(broken, 'file')} could not be read to the end", "bad"))
    return "; ".join(told or ["nothing"]) if counts["files"] else ""


def _drift(manifest: Mapping[str, Any], paint: Paint) -> str:
    words = drift_in_words(manifest.get("drift", {}))
    return paint(words, "warning") if words else ""


def _places(manifest: Mapping[str, Any]) -> Iterator[str]:
    run_id = manifest["run_id"]
    for table, written in manifest["tables"].items():
        place, size = f"{table}/run_id={run_id}", written["bytes"] / 1e6
        yield f"{_INDENT}{place:<42}{written['rows']:>10,} rows{size:>9,.2f} MB"
    yield f"{_INDENT}runs/{run_id}.json"


def _next(manifest: Mapping[str, Any], where: str) -> str:
    """The command after which the rows can be queried; once a job, and not where none are new."""
    part = manifest.get("part") or {}
    if not manifest["counts"]["files"] or part.get("number", 1) < part.get("count", 1):
        return ""
    return f"python -m jobs.runs view --output {shlex.quote(where)}"
