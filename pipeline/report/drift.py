"""What a manifest says of drift in, what its report shows of it out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from model.drift.last_run import NAME as LAST_RUN
from model.drift.profile import LENGTH_BOUNDS
from pipeline.report.charts import bar_chart, column_chart
from pipeline.report.figures import TENTHS
from schemas.manifest import Drift

_CHARTED = 12
_NAMES = {
    "unknown_words": "Unknown words",
    "entities_per_1000_tokens": "Entities per 1,000 tokens",
    "labels": "Labels",
    "confidence": "Confidence",
    "sentence_lengths": "Sentence lengths",
    LAST_RUN: "Entities per 1,000 tokens, before and now",
}


@dataclass(frozen=True)
class StatisticRow:
    """One comparison: its level and figures in words, or the reason why it was not made."""

    name: str
    level: str = ""
    value: str = ""
    limits: str = ""
    baseline: str = ""
    run: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Shares:
    """Shares of a kind in training and in the run, as rows and as a chart."""

    name: str
    chart: Markup
    rows: Sequence[tuple[str, float, float]]


def drift_rows(drift: Drift) -> Iterator[StatisticRow]:
    """The statistics that were compared, or why they were not."""
    for key, statistic in drift.get("statistics", {}).items():
        name = _NAMES.get(key, key)
        if "reason" in statistic:
            yield StatisticRow(name, reason=statistic["reason"])
            continue
        low, high = statistic["limits"]
        is_rate = not isinstance(statistic["run"], Mapping | list)
        rate = "{:.1%}" if key == "unknown_words" else "{:.3g}"
        measure = "ratio" if key in ("entities_per_1000_tokens", LAST_RUN) else "PSI"
        yield StatisticRow(
            name,
            level=statistic["level"],
            value=f"{measure} {statistic['value']:.2f}",
            limits=f"{low:g}, {high:g}",
            baseline=rate.format(statistic["baseline"]) if is_rate else "",
            run=rate.format(statistic["run"]) if is_rate else "",
        )


def drift_shares(drift: Drift) -> Iterator[Shares]:
    """The shares of those statistics that have some."""
    for key in ("labels", "confidence", "sentence_lengths"):
        statistic = drift.get("statistics", {}).get(key, {})
        if "baseline" not in statistic:
            continue
        rows = _share_rows(key, statistic["baseline"], statistic["run"])
        draw = bar_chart if key == "labels" else column_chart
        names, before, after = zip(*rows, strict=True)
        title = f"{_NAMES[key]}: shares in training and in this run"
        series = (("in training", before), ("in this run", after))
        yield Shares(_NAMES[key], draw(title, names, *series, unit=".1%"), rows)


def _share_rows(key: str, baseline: Any, run: Any) -> list[tuple[str, float, float]]:  # noqa: ANN401 - as in a manifest
    if isinstance(baseline, Mapping):
        names: Sequence[str] = [str(bound) for bound in LENGTH_BOUNDS]
        if key != "sentence_lengths":
            every = {**baseline, **run}
            names = sorted(every, key=lambda name: -max(baseline.get(name, 0), run.get(name, 0)))
        return [(name, baseline.get(name, 0.0), run.get(name, 0.0)) for name in names[:_CHARTED]]
    # Bins of confidence that --min_confidence cut are not among them: the last are the last.
    return list(zip(TENTHS[len(TENTHS) - len(run) :], baseline, run, strict=True))
