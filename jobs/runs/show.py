"""Show all that the manifest says of one run."""

import argparse

from jobs.runs.layout import as_json
from jobs.runs.outputs import Output, find_output
from jobs.runs.state import repaired_runs, status_in_words, why_not
from pipeline.console.printing import answer
from pipeline.console.text import aligned, counted, moment, short_duration
from pipeline.report.summary import lists_in_words
from schemas.manifest import Configuration, Counts, Drift, Manifest, Statistic

_INPUT_COLUMNS = ("documents", "dead", "entities", "counts", "file")
_FILE_COLUMNS = ("rows", "MB", "sha256", "path")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the run, and `--json`."""
    parser.add_argument("run", metavar="RUN", help="a run's id, or that of a job in parts")
    parser.add_argument("--json", action="store_true", help="the manifest itself, as JSON")


def run(flags: argparse.Namespace) -> int:
    """Print the run, or the parts of the job."""
    output = find_output(flags.output)
    manifests = output.named([flags.run])
    if flags.json:
        told = manifests if len(manifests) > 1 else manifests[0]
        answer(as_json(told))
    else:
        answer("\n\n".join(_shown(output, manifest) for manifest in manifests))
    return 0


def _shown(output: Output, manifest: Manifest) -> str:
    facts = _head(output, manifest)
    lines = [f"run {manifest['run_id']}, {status_in_words(manifest)}"]
    width = max(map(len, facts))
    lines += [f"  {name:<{width}}  {_one_line(fact)}" for name, fact in facts.items()]
    sections = {
        "configuration": _configuration(manifest["configuration"]),
        "counts": _counts(manifest["counts"]) if "counts" in manifest else [],
        "lists": list(filter(None, [lists_in_words(manifest)])),
        "drift": _drift(manifest.get("drift", {})),
        "inputs": _inputs(output, manifest),
        "unread": _unread(manifest),
        "files": _files(manifest),
        "versions": aligned(list(manifest["versions"].items()), names=(0, 1)),
        "warnings": list(map(_one_line, manifest.get("warnings", []))),
        "error": manifest.get("error", "").strip().splitlines(),
    }
    for title, told in sections.items():
        if told:
            lines += ["", title, *(f"  {line}" for line in told)]
    return "\n".join(lines)


def _unread(manifest: Manifest) -> list[str]:
    """What was seen in the input and not read; of many the first."""
    entries = manifest.get("unread", [])
    told = [_one_line(": ".join(filter(None, map(str, entry.values())))) for entry in entries]
    further = manifest["counts"].get("unread", 0) - len(entries) if entries else 0
    return told + ([f"and {further:,} more"] if further else [])


def _head(output: Output, manifest: Manifest) -> dict[str, str]:
    times = manifest["timings"]
    counting = output.counting[manifest["run_id"]]
    facts = {
        "started": times["started_at"],
        "finished": f"{times['finished_at']}, after {short_duration(times['seconds'])}",
        "model": manifest["model"],
        "tables": f"version {manifest['schema_version']}",
    }
    if manifest["status"] == "committed":
        told = f"for {counted(counting, 'file')}" if counting else why_not(output, manifest)
        facts["counts now"] = told
    if manifest["status"] == "rolled_back":
        facts["rolled back"] = moment(manifest["rolled_back_at"])
    if "part" in manifest:
        facts["part"] = "{number} of {count} of the job {of}".format(**manifest["part"])
    if "replaces" in manifest:
        facts["replaces"] = ", ".join(manifest["replaces"])
    if repaired_runs(manifest):
        facts["repairs"] = f"dead letters of {', '.join(repaired_runs(manifest))}"
    for time in manifest.get("forgotten", ()):
        erased = (
            counted(time["documents"], "document"),
            counted(time["entities"], "entity"),
            counted(time["dead_letters"], "dead letter"),
        )
        before = f"{facts['forgotten']}; " if "forgotten" in facts else ""
        facts["forgotten"] = f"{before}{', '.join(erased)} on {time['at'][:19]}"
    return facts


def _configuration(configuration: Configuration) -> list[str]:
    rows = []
    for name, value in configuration.items():
        if isinstance(value, list):
            shown = ", ".join(map(str, value)) or "none"
        elif isinstance(value, bool):
            shown = "yes" if value else "no"
        else:
            shown = "all" if value is None else str(value)
        rows.append((name, _one_line(shown)))
    return aligned(rows, names=(0, 1))


def _counts(counts: Counts) -> list[str]:
    plain = {name: value for name, value in counts.items() if isinstance(value, int)}
    rows = [(f"{value:,}", name.replace("_", " ")) for name, value in plain.items()]
    by_size = sorted(counts["entities_by_label"].items(), key=lambda item: (-item[1], item[0]))
    rows += [(f"{value:,}", f"  {_one_line(label)}") for label, value in by_size]
    return aligned(rows, names=(1,)) if rows else []


def _drift(drift: Drift) -> list[str]:
    """What was compared with the model's baseline, and how far it was."""
    if "reason" in drift:
        return [drift["reason"]]
    rows = [
        (name.replace("_", " "), found.get("level", "-"), _figure(found))
        for name, found in drift.get("statistics", {}).items()
    ]
    return aligned(rows, names=(0, 1, 2)) if rows else []


def _figure(found: Statistic) -> str:
    if "value" not in found:
        return str(found["reason"])
    moderate, drift = found["limits"]
    return f"{found['value']:.3g}, moderate above {moderate:g}, drift above {drift:g}"


def _inputs(output: Output, manifest: Manifest) -> list[str]:
    rows = [_INPUT_COLUMNS]
    for entry in manifest.get("inputs", ()):
        counting = output.current.get(entry["source"])
        counts = counting is not None and manifest["run_id"] in counting.runs
        name = entry["source"] + ("" if entry["complete"] else "  (not read to its end)")
        numbers = (entry["documents"], entry["dead_letters"], entry["entities"])
        documents, dead, entities = (f"{count:,}" for count in numbers)
        rows.append((documents, dead, entities, "yes" if counts else "no", _one_line(name)))
    return aligned(rows, names=(3, 4)) if len(rows) > 1 else []


def _files(manifest: Manifest) -> list[str]:
    rows = [_FILE_COLUMNS]
    rows += [
        (f"{f['rows']:,}", f"{f['bytes'] / 1e6:,.2f}", f["sha256"][:12], _one_line(f["path"]))
        for told in manifest.get("tables", {}).values()
        for f in told["files"]
    ]
    return aligned(rows, names=(2, 3)) if len(rows) > 1 else []


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")
