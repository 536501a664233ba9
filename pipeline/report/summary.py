"""The account that ends a run: a manifest in, what is read in ten seconds out, or one event."""

import shlex
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from model.drift.compare import drift_in_words
from model.text.escaping import harmless
from pipeline.console.colour import Paint, plain
from pipeline.console.commands import called
from pipeline.console.text import counted, duration
from pipeline.filesystems.paths import shown_path
from pipeline.inputs.walk import FAULTS
from pipeline.outputs.layout import RunPaths
from schemas.manifest import ASIDES, Counts, GazetteerEntry, Manifest

_WIDTH = 80
_BROKEN = 100  # files that an event names
_INDENT = " " * 11
_MOST_LABELS = 10  # that are all named
_WARNINGS = 10


def format_summary(
    manifest: Manifest, output: str, paint: Paint = plain, *, has_report: bool = False
) -> str:
    """The summary of a run that did not fail, without a line break at the end.

    Each fact is one entry, shown where it says something: what was done or lost, where it is.
    """
    run_id, counts, seconds = manifest["run_id"], manifest["counts"], manifest["timings"]["seconds"]
    where = harmless(shown_path(output))
    drift = drift_in_words(manifest.get("drift", {}))
    unread = "\n".join([*unread_in_words(manifest)])
    facts = {"skipped": _skipped(counts), "unread": unread, "read": _read(counts)}
    if counts["files"]:
        rate = f"{counts['tokens'] / max(seconds, 1e-9):,.0f} a second, with {manifest['model']}"
        facts["tagged"] = f"{counted(counts['tokens'], 'token')}, {rate}"
        facts["found"] = _found(counts)
        facts["lists"] = lists_in_words(manifest)
        facts["lost"] = _lost(counts, paint)
    facts |= {
        "drift": paint(drift, "warning") if drift else "",
        "warning": "\n".join(_warnings(manifest, paint)),
        "output": "\n".join([where, *_tables(manifest)]),
        "report": RunPaths(where, run_id).report if has_report else "",
        "next": _next(manifest, where),
    }
    status = paint(manifest["status"], "good" if counts["files"] else "aside")
    head = f"run {paint(run_id, 'name')} {status} in {duration(seconds)}"
    return "\n".join([head, *(f"  {name:<8} {told}" for name, told in facts.items() if told)])


def as_event(manifest: Manifest, output: str, *, has_report: bool = False) -> dict[str, Any]:
    """The same as one event for machines; a warning where a person should look."""
    counts = manifest["counts"]
    warnings = manifest.get("warnings", [])
    lost = (
        counts["dead_letters"]
        or counts["broken_files"]
        or warnings
        or FAULTS & counts.get("unread_by_reason", {}).keys()
    )
    broken = [entry["source"] for entry in manifest.get("inputs", ()) if not entry["complete"]]
    level = manifest.get("drift", {}).get("level")
    lists = manifest.get("gazetteer")
    paths = RunPaths(output.rstrip("/"), manifest["run_id"])
    return {
        "name": "run_committed",
        "level": "warning" if lost or level == "drift" else "info",
        "run_id": manifest["run_id"],
        "status": manifest["status"],
        "model": manifest["model"],
        "counts": counts,
        "unread": manifest.get("unread", []),
        "timings": manifest["timings"],
        "drift": level,
        "gazetteer": lists
        and {"terms": lists["terms"], "fired": lists["fired"], "entities": listed_alone(lists)},
        "broken_files": broken[:_BROKEN],
        "warnings": warnings,
        "tables": {
            table: {
                "path": paths.table_directory(table),
                "rows": written["rows"],
                "bytes": written["bytes"],
            }
            for table, written in manifest["tables"].items()
        },
        "manifest": paths.manifest,
        "report": paths.report if has_report else None,
    }


def _skipped(counts: Counts) -> str:
    skipped = counts.get("skipped_files", 0)
    files = counted(skipped, "file")
    return f"{files}, done already with this model and configuration" if skipped else ""


def unread_in_words(manifest: Manifest) -> Iterator[str]:
    """Of each reason a line: how many, and the first names; all but the first line indented."""
    counts, entries = manifest["counts"].get("unread_by_reason", {}), manifest.get("unread", [])
    for number, (reason, count) in enumerate(sorted(counts.items(), key=lambda item: -item[1])):
        told = f"{count:,} {reason}"
        room = _WIDTH - len(_INDENT) - len(told) - len(" (, ...)")
        names = [harmless(shown_path(e["path"])) for e in entries if e["reason"] == reason]
        shown = [name for at, name in enumerate(names) if len(", ".join(names[: at + 1])) <= room]
        more = ["..."] if count > len(shown) else []
        if shown:
            told += f" ({', '.join([*shown, *more])})"
        yield f"{_INDENT if number else ''}{told}"


def _read(counts: Counts) -> str:
    told = f"{counted(counts['files'], 'file')}, {counted(counts['records'], 'record')}"
    if not counts["files"]:
        return told
    documents = counted(counts["documents"], "document")
    aside = [f"{counts[why]:,} {why.replace('_', ' ')}" for why in ASIDES if why in counts]
    return " + ".join(
        [f"{told} = {documents}", counted(counts["dead_letters"], "dead letter"), *aside]
    )


def _found(counts: Counts) -> str:
    """The entities, and every label by how often it is, over as many lines as that takes.

    Of more than ten labels, the commonest that fit on the line, and the others added up.
    """
    by_label = sorted(counts["entities_by_label"].items(), key=lambda item: (-item[1], item[0]))
    found = f"{counts['entities']:,} {'entity' if counts['entities'] == 1 else 'entities'}"
    labels = [f"{harmless(label)} {n:,}" for label, n in by_label]
    if len(labels) <= _MOST_LABELS:
        whole = ": ".join(filter(None, [found, ", ".join(labels)]))
        return f"\n{_INDENT}".join(_broken_after_commas(whole))
    told = found
    for named in range(len(labels) + 1):
        shown = labels[:named]
        if labels[named:]:
            others = sum(n for _, n in by_label[named:])
            shown.append(f"{counted(len(labels) - named, 'other')} {others:,}")
        longer = f"{found}: {', '.join(shown)}"
        if named > 1 and len(longer) > _WIDTH - len(_INDENT):
            break
        told = longer
    return told


def listed_alone(lists: GazetteerEntry) -> int:
    """How many entities the lists found that the model did not."""
    return sum(lists["entities_by_label"].values())


def lists_in_words(manifest: Manifest) -> str:
    """How many terms of a gazetteer took effect, and what the model had not or has otherwise."""
    lists = manifest.get("gazetteer")
    if lists is None:
        return ""
    alone = listed_alone(lists)
    entities = "entity" if alone == 1 else "entities"
    told = f"{lists['fired']:,} of {counted(lists['terms'], 'term')} took effect"
    told += f"; {alone:,} {entities} that the model had not"
    if lists["disagreed"]:
        told += f"; the model differs at {counted(lists['disagreed'], 'term')}"
    return told


def _broken_after_commas(text: str) -> list[str]:
    """The text in lines that fit: a label stays with its count."""
    parts = [part.replace(" ", "\xa0") for part in text.split(", ")]
    width = _WIDTH - len(_INDENT)
    lines = wrap(", ".join(parts), width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\xa0", " ") for line in lines]


def _lost(counts: Counts, paint: Paint) -> str:
    """Also where nothing was lost."""
    letters, broken = counts["dead_letters"], counts["broken_files"]
    told = []
    if letters:
        told.append(paint(f"{counted(letters, 'record')}, kept in dead_letters", "warning"))
    if broken:
        told.append(paint(f"{counted(broken, 'file')} could not be read to the end", "bad"))
    return "; ".join(told or ["nothing"])


def _warnings(manifest: Manifest, paint: Paint) -> Iterator[str]:
    """Each on lines of its own, all but the first of them indented; of many the first."""
    warnings = manifest.get("warnings", [])
    told = [harmless(warning) for warning in warnings[:_WARNINGS]]
    if len(warnings) > _WARNINGS:
        told.append(f"and {len(warnings) - _WARNINGS} more, in the manifest")
    lines = [line for each in told for line in wrap(each, _WIDTH - len(_INDENT))]
    for number, line in enumerate(lines):
        yield (_INDENT if number else "") + paint(line, "warning")


def _tables(manifest: Manifest) -> Iterator[str]:
    run_id = manifest["run_id"]
    for table, written in manifest["tables"].items():
        place, size = f"{table}/run_id={run_id}", written["bytes"] / 1e6
        yield f"{_INDENT}{place:<42}{written['rows']:>10,} rows{size:>9,.2f} MB"
    yield f"{_INDENT}runs/{run_id}.json"


def _next(manifest: Manifest, where: str) -> str:
    """The command after which the rows can be queried; once a job, and not where none are new."""
    part = manifest.get("part")
    is_last = not part or part["number"] == part["count"]
    is_done = manifest["counts"]["files"] and is_last
    return f"{called('jobs.runs')} view --output {shlex.quote(where)}" if is_done else ""
