"""What a manifest says of drift in, what its report shows of it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from model.drift.profile import LENGTH_BOUNDS
from pipeline.report.charts import bar_chart, column_chart
from pipeline.report.figures import TENTHS

_CHARTED = 12
_NAMES = {
    "unknown_words": "Unknown words",
    "entities_per_1000_tokens": "Entities per 1,000 tokens",
    "labels": "Labels",
    "confidence": "Confidence",
    "sentence_lengths": "Sentence lengths",
}


@dataclass(frozen=True)
class Statistic:
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


@dataclass(frozen=True)
class Drift:
    """level: the worst of the statistics; or the reason why nothing was compared."""

    level: str = ""
    reason: str = ""
    statistics: Sequence[Statistic] = ()
    shares: Sequence[Shares] = ()


def drift_shown(drift: Mapping[str, Any]) -> Drift:
    """The part of the page on drift; of a manifest without any, why that is."""
    if "level" not in drift:
        return Drift(
            reason=drift.get("reason", "the run holds no comparison, as older and merged ones")
        )
    statistics = drift["statistics"]
    return Drift(
        level=drift["level"],
        statistics=[_statistic(name, found) for name, found in statistics.items()],
        shares=[
            _shares(name, statistics[name])
            for name in ("labels", "confidence", "sentence_lengths")
            if "baseline" in statistics.get(name, {})
        ],
    )


def _statistic(name: str, found: Mapping[str, Any]) -> Statistic:
    told = _NAMES.get(name, name)
    if "reason" in found:
        return Statistic(told, reason=found["reason"])
    low, high = found["limits"]
    is_rate = not isinstance(found["run"], Mapping | list)
    shown = "{:.1%}" if name == "unknown_words" else "{:.3g}"
    return Statistic(
        name=told,
        level=found["level"],
        value=f"{'ratio' if name == 'entities_per_1000_tokens' else 'PSI'} {found['value']:.2f}",
        limits=f"{low:g}, {high:g}",
        baseline=shown.format(found["baseline"]) if is_rate else "",
        run=shown.format(found["run"]) if is_rate else "",
    )


def _shares(name: str, found: Mapping[str, Any]) -> Shares:
    baseline, run = found["baseline"], found["run"]
    if isinstance(baseline, Mapping):
        keys: Sequence[str] = [str(bound) for bound in LENGTH_BOUNDS]
        if name != "sentence_lengths":
            every = {**baseline, **run}
            keys = sorted(every, key=lambda key: -max(baseline.get(key, 0), run.get(key, 0)))
            keys = keys[:_CHARTED]
        pairs = [(key, baseline.get(key, 0.0), run.get(key, 0.0)) for key in keys]
    else:
        # Bins of confidence that --min_confidence cut are not among them: the last are the last.
        tenths = TENTHS[len(TENTHS) - len(run) :]
        pairs = list(zip(tenths, baseline, run, strict=True))
    names = [key for key, _, _ in pairs]
    draw = bar_chart if name == "labels" else column_chart
    series = (("in training", [b for _, b, _ in pairs]), ("in this run", [r for _, _, r in pairs]))
    title = f"{_NAMES[name]}: shares in training and in this run"
    return Shares(_NAMES[name], draw(title, names, *series, unit=".1%"), pairs)
