"""A run's manifest and tables in, its report out: one page that needs nothing beside itself."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from model.drift.profile import CONFIDENCE_BINS
from pipeline.console.commands import called
from pipeline.console.html import render_page
from pipeline.console.text import duration, moment
from pipeline.report.charts import bar_chart, column_chart
from pipeline.report.drift import drift_rows, drift_shares
from pipeline.report.figures import (
    RANKED_LABELS,
    TENTHS,
    UNKNOWN_BOUNDS,
    RunFigures,
    find_figures,
)
from pipeline.report.samples import SHOWN_SPANS, Samples, choose_samples
from pipeline.report.summary import lists_in_words
from pipeline.report.tables import MOST_ROWS, RunTables
from schemas.manifest import Drift, Manifest

_CHARTED_LABELS = 12
_LISTED = 30  # labels, reasons and files; the rest is counted
_LISTED_PATHS = 5
_NAME = 80  # characters
_ERROR = 6000
_HUES = 8
_NO_DRIFT = "the run holds no comparison, as older and merged ones"


@dataclass(frozen=True)
class Few:
    """The first of some things, and how many there are beside."""

    shown: Sequence[Any]
    further: int

    @classmethod
    def of(cls, things: Sequence[Any], most: int = _LISTED) -> "Few":
        return cls(things[:most], max(0, len(things) - most))


def report_page(root: str, manifest: Manifest, most_rows: int = MOST_ROWS) -> str:
    """The page of a run; raises JobError where its files cannot be read.

    Its size does not depend on that of the run: what is listed is few and short.
    """
    tables = RunTables(root, manifest, most_rows)
    figures = find_figures(tables)
    samples = choose_samples(tables)
    hues = {label.name: place % _HUES for place, label in enumerate(figures.labels)}
    drift: Drift = {"reason": _NO_DRIFT, **manifest.get("drift", {})}
    return render_page(
        Path(__file__).with_name("page.html.j2"),
        {
            "run": manifest,
            "root": root,
            "counts": manifest.get("counts"),
            "figures": figures,
            "labels": Few.of(figures.labels),
            "ranked_labels": RANKED_LABELS,
            "charts": _charts(figures),
            "confidence_rows": list(zip(_TENTHS, figures.bins, strict=True)),
            "unknown_rows": list(zip(_SHARES, figures.unknown, strict=True)),
            "drift": {"level": None, **drift},
            "drift_rows": drift_rows(drift),
            "drift_shares": drift_shares(drift),
            "lists": manifest.get("gazetteer"),
            "lists_in_words": lists_in_words(manifest),
            "listed_labels": Few.of(_listed_labels(manifest)),
            "never": _never(manifest),
            "to_label": _labelling(root, manifest),
            "unread": _unread(manifest),
            "warnings": Few.of(manifest.get("warnings", [])),
            "reasons": Few.of(figures.reasons.ranked()),
            "losses": _losses(manifest),
            "samples": samples,
            "shown_spans": SHOWN_SPANS,
            "no_texts": _why_no_texts(manifest, samples),
            "settings": _settings(manifest),
            "error": _end_of(manifest.get("error", "")),
            "brief": _brief,
            "duration": duration,
            "moment": moment,
            "hue": lambda label: hues.get(label, 0),
            # Of merged runs the times are those of the merging.
            "is_timed": "replaces" not in manifest,
        },
    )


_TENTHS = [f"{n / 10:.1f} to {(n + 1) / 10:.1f}" for n in range(CONFIDENCE_BINS)]
_SHARES = [
    f"{low:.0%} to {high:.0%}"
    for low, high in zip(UNKNOWN_BOUNDS, (*UNKNOWN_BOUNDS[1:], 1.0), strict=True)
]


def _charts(figures: RunFigures) -> dict[str, Markup]:
    """Those charts for which there is something to draw."""
    charts = {}
    if figures.labels:
        few = figures.labels[:_CHARTED_LABELS]
        counts = ("entities", [label.count for label in few])
        charts["labels"] = bar_chart("Entities by label", [label.name for label in few], counts)
        series = ("entities", figures.bins)
        charts["confidence"] = column_chart("Entities by confidence", TENTHS, series)
    if any(figures.unknown):
        title = "Documents by their share of unknown words"
        bounds = [f"{low:.0%}" for low in UNKNOWN_BOUNDS]
        charts["unknown"] = column_chart(title, bounds, ("documents", figures.unknown))
    return charts


def _listed_labels(manifest: Manifest) -> list[tuple[str, int]]:
    """The labels of what lists alone found, the most frequent first."""
    lists = manifest.get("gazetteer")
    counts = lists["entities_by_label"] if lists else {}
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _never(manifest: Manifest) -> Few:
    """The first of the terms that were not found."""
    lists = manifest.get("gazetteer")
    if lists is None:
        return Few((), 0)
    return Few(lists["never"], lists["terms"] - lists["fired"] - len(lists["never"]))


def _labelling(root: str, manifest: Manifest) -> str:
    """The command that has those passages labelled where model and lists disagree."""
    lists = manifest.get("gazetteer")
    files = " ".join(map(shlex.quote, lists["files"] if lists else ()))
    return (
        f"{called('jobs.label')} select --output {shlex.quote(root)} --gazetteer {files} "
        "--disagreements --to tasks.json --format label-studio"
    )


def _losses(manifest: Manifest) -> Few:
    """The files that lost most: not read to their end first, then by their dead letters."""
    inputs = manifest.get("inputs", ())
    lossy = [entry for entry in inputs if entry["dead_letters"] or not entry["complete"]]
    lossy.sort(key=lambda entry: (entry["complete"], -entry["dead_letters"], entry["source"]))
    return Few.of(lossy)


def _unread(manifest: Manifest) -> list[tuple[str, int, Few]]:
    """Each reason for which something was not read, how often, and the first paths."""
    counts, entries = manifest.get("counts"), manifest.get("unread", [])
    reasons = counts.get("unread_by_reason", {}) if counts else {}
    return [
        (
            reason,
            count,
            Few.of([e["path"] for e in entries if e["reason"] == reason], _LISTED_PATHS),
        )
        for reason, count in sorted(reasons.items(), key=lambda item: -item[1])
    ]


def _why_no_texts(manifest: Manifest, samples: Samples) -> str:
    """Why the samples show no text; nothing where they do."""
    if samples.has_texts or not samples.shown:
        return ""
    if manifest["configuration"].get("keep_text") == "none":
        return "The run kept no texts (--keep_text none), so only what was found in them is shown."
    return "No text of a document with entities was kept, so only what was found is shown."


def _settings(manifest: Manifest) -> list[tuple[str, str]]:
    """The configuration and the versions, as short lines."""
    settings = []
    for name, value in manifest["configuration"].items():
        if isinstance(value, list):
            few = Few.of(value, _LISTED_PATHS)
            shown = " ".join(_brief(str(each), 200) for each in few.shown)
            shown += f" and {few.further:,} more" if few.further else ""
        else:
            shown = _brief(str(value).lower() if isinstance(value, bool) else str(value), 200)
        if value is not None:
            settings.append((f"--{name}", shown))
    return settings + [(name, _brief(version)) for name, version in manifest["versions"].items()]


def _brief(text: str, most: int = _NAME) -> str:
    """Text of others on one line, cut in its middle where it is long."""
    line = re.sub(r"\s+", " ", text)
    if len(line) <= most:
        return line
    end = most * 2 // 5
    return f"{line[: most - end - 1]}…{line[-end:]}"


def _end_of(error: str) -> list[str]:
    """An error line by line; of a long one the end, where the cause stands."""
    cut = error if len(error) <= _ERROR else "…" + error[-_ERROR:]
    return cut.strip().splitlines()
