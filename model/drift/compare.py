"""How far the documents of a run are from those that its model was measured on.

Shares are compared by the population stability index, as credit scoring does (N. Siddiqi, Credit
Risk Scorecards, Wiley 2006, with its reading: below 0.1 no change, above 0.25 a shift). It is the
divergence of H. Jeffreys (An invariant form for the prior probability in estimation problems,
Proc. R. Soc. A 186, 1946). Of samples of one distribution it is about (1/n + 1/m) times chi-squared
(B. Yurdakul, Statistical properties of population stability index, Western Michigan University,
2018), but the tokens of a document are alike, so more of them are asked for than that says: of
1,000 draws of 20,000 tokens from a collection of books, compared with all of it, 6 came out as
drift, and 1 of 2,000 draws of 40,000 or 60,000.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from model.drift.last_run import NAME as LAST_RUN
from model.drift.last_run import LastRun, compare_with_last
from model.drift.profile import CONFIDENCE_BINS, LENGTH_BOUNDS, Profile

LEVELS = ("stable", "moderate", "drift")
STATISTICS = (
    "unknown_words",
    "entities_per_1000_tokens",
    "labels",
    "confidence",
    "sentence_lengths",
)

RUN_TOKENS = 20_000
BASELINE_TOKENS = 5_000  # single sentences from all over the labelled file: they are less alike
RUN_ENTITIES = 500  # that have labels and confidences whose shares are compared
BASELINE_COUNT = 200  # entities, sentences

_INDEX = (0.1, 0.25)
# How the labelled file cuts sentences, and extraction the same text, differs by itself: 0.04 in
# abstracts of PubMed, 0.26 in the English Web Treebank.
_LENGTH_INDEX = (0.2, 0.5)
# A rate of rare entities has a small index whatever becomes of it, so this is by ratio.
_RATIO = (1.5, 2.0)


class _Compared(NamedTuple):
    """A statistic: how far the run is from the baseline, by which limits, and what both were."""

    value: float
    limits: tuple[float, float]
    baseline: object
    run: object

    @property
    def level(self) -> str:
        return LEVELS[sum(self.value > limit for limit in self.limits)]

    def to_json(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "value": round(self.value, 4),
            "limits": list(self.limits),
            "baseline": self.baseline,
            "run": self.run,
        }


class _Skipped(NamedTuple):
    """A statistic that was not compared, and why."""

    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"reason": self.reason}


def population_stability_index(expected: Sequence[float], found: Sequence[float]) -> float:
    """Counts of the same bins in, the sum of (q - p) * ln(q / p) over their shares out.

    Half an observation is added to every bin, so that empty ones are rare and not impossible. It is
    0 for equal counts, never negative, and the same with the two exchanged.
    """
    if len(expected) != len(found):
        raise ValueError(f"{len(expected)} bins and {len(found)}, expected as many")
    return math.fsum(
        (q - p) * math.log(q / p)
        for p, q in zip(_smoothed(expected), _smoothed(found), strict=True)
    )


def compare(
    baseline: Profile | None,
    run: Profile,
    min_confidence: float = 0.0,
    last: LastRun | None = None,
) -> dict[str, Any]:
    """How far `run` is from `baseline`, and from the last run of the same sources.

    As a manifest holds it: either `level`, the worst of the statistics, and these; or the `reason`
    why nothing was compared. Of entities count those in bins of confidence that `min_confidence`
    leaves whole; compared with the last run, all.
    """
    statistics = _compared(baseline, run, min_confidence)
    found = {name: each.to_json() for name, each in statistics.items()}
    if last is not None:
        labels = {label: sum(counts) for label, counts in run.confidences.items()}
        found[LAST_RUN] = compare_with_last(last, run.tokens, labels)
    levels = [statistic["level"] for statistic in found.values() if "level" in statistic]
    if not levels:
        return statistics["unknown_words"].to_json()
    return {"level": max(levels, key=LEVELS.index), "statistics": found}


def _compared(
    baseline: Profile | None, run: Profile, min_confidence: float
) -> dict[str, _Compared | _Skipped]:
    """The statistics of training; where nothing can be compared, why not, under each name."""
    if baseline is None:
        return dict.fromkeys(STATISTICS, _Skipped("the model has no baseline statistics"))
    few = _too_few("tokens", "baseline", baseline.tokens, BASELINE_TOKENS)
    few = few or _too_few("tokens", "run", run.tokens, RUN_TOKENS)
    if few:
        return dict.fromkeys(STATISTICS, few)
    return {
        "unknown_words": _unknown_words(baseline, run),
        **_entities(baseline, run, min_confidence),
        "sentence_lengths": _sentence_lengths(baseline, run),
    }


def drift_in_words(drift: Mapping[str, Any]) -> str | None:
    """What `compare` found in; where that is drift, in words what is unlike out, else None."""
    if drift.get("level") != "drift":
        return None
    unlike = []
    poorer = ""
    for name, statistic in drift["statistics"].items():
        if statistic.get("level") == "drift" and name == LAST_RUN:
            label = f" {statistic['label']}" if "label" in statistic else ""
            poorer = (
                f"far poorer in entities{label} than those of run {statistic['last_run']} "
                f"({statistic['run']:.3g} per 1,000 tokens, then {statistic['baseline']:.3g})"
            )
        elif statistic.get("level") == "drift":
            figure = f"PSI {statistic['value']:.2f}"
            if name == "entities_per_1000_tokens":
                figure = f"{statistic['run']:.3g}, in training {statistic['baseline']:.3g}"
            unlike.append(f"{name.replace('_', ' ')} ({figure})")
    training = "unlike the model's training data in " + ", ".join(unlike) if unlike else ""
    return "; ".join(filter(None, [poorer, training]))


def _unknown_words(baseline: Profile, run: Profile) -> _Compared:
    both = (baseline, run)
    counts = [(p.unknown_tokens, p.tokens - p.unknown_tokens) for p in both]
    rates = [round(p.unknown_tokens / p.tokens, 5) for p in both]
    return _Compared(population_stability_index(*counts), _INDEX, *rates)


def _entities(
    baseline: Profile, run: Profile, min_confidence: float
) -> dict[str, _Compared | _Skipped]:
    """What is said of entities: how many there are, of which labels, how confident."""
    # Rounded, since 0.7 * 10 is a little more than 7.
    first = math.ceil(round(min_confidence * CONFIDENCE_BINS, 6))
    if first >= CONFIDENCE_BINS:
        none = _Skipped(f"--min_confidence {min_confidence:g} leaves no bin of confidence whole")
        return dict.fromkeys(("entities_per_1000_tokens", "labels", "confidence"), none)
    labels = sorted({*baseline.confidences, *run.confidences})
    none_of_it = (0,) * CONFIDENCE_BINS
    # Of both sides, the counts by label and by bin: (label, bin).
    tables = [
        [p.confidences.get(label, none_of_it)[first:] for label in labels] for p in (baseline, run)
    ]
    by_label = [list(map(sum, table)) for table in tables]
    by_bin = [list(map(sum, zip(*table, strict=True))) for table in tables]
    shares = [dict(zip(labels, _shares(counts), strict=True)) for counts in by_label]
    entities, run_entities = map(sum, by_label)
    few = _too_few("entities", "baseline", entities, BASELINE_COUNT)
    few = few or _too_few("entities", "run", run_entities, RUN_ENTITIES)
    one_bin = None
    if first == CONFIDENCE_BINS - 1:
        one_bin = _Skipped(f"--min_confidence {min_confidence:g} leaves one bin of confidence")
    return {
        "entities_per_1000_tokens": _entity_rate(
            baseline.tokens, run.tokens, entities, run_entities
        ),
        "labels": few or _Compared(population_stability_index(*by_label), _INDEX, *shares),
        "confidence": few
        or one_bin
        or _Compared(population_stability_index(*by_bin), _INDEX, *map(_shares, by_bin)),
    }


def _entity_rate(tokens: int, run_tokens: int, entities: int, found: int) -> _Compared | _Skipped:
    expected = entities * run_tokens / tokens
    if entities < BASELINE_COUNT or expected < BASELINE_COUNT:
        return _Skipped(
            f"too few entities to compare: the baseline has {entities:,}, which makes "
            f"{expected:,.0f} in a run of this size, expected at least {BASELINE_COUNT}"
        )
    ratio = (found + 0.5) / (expected + 0.5)
    rates = (round(1000 * entities / tokens, 3), round(1000 * found / run_tokens, 3))
    return _Compared(max(ratio, 1 / ratio), _RATIO, *rates)


def _sentence_lengths(baseline: Profile, run: Profile) -> _Compared | _Skipped:
    # A run of enough tokens in few sentences has long ones: that is no reason not to compare.
    both = (baseline.sentence_lengths, run.sentence_lengths)
    index = population_stability_index(*both)
    shares = [dict(zip(map(str, LENGTH_BOUNDS), _shares(counts), strict=True)) for counts in both]
    few = _too_few("sentences", "baseline", sum(baseline.sentence_lengths), BASELINE_COUNT)
    return few or _Compared(index, _LENGTH_INDEX, *shares)


def _too_few(what: str, whose: str, count: int, least: int) -> _Skipped | None:
    if count >= least:
        return None
    return _Skipped(
        f"too few {what} to compare: the {whose} has {count:,}, expected at least {least:,}"
    )


def _smoothed(counts: Sequence[float]) -> list[float]:
    total = math.fsum(counts) + len(counts) / 2
    return [(count + 0.5) / total for count in counts]


def _shares(counts: Sequence[int]) -> list[float]:
    total = max(sum(counts), 1)
    return [round(count / total, 4) for count in counts]
