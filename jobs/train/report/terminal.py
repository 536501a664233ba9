"""What training tells on the terminal: what it is going to do, and what came of it."""

import math
from collections.abc import Mapping
from statistics import stdev

from jobs.evaluate.terminal import format_scores, format_speed
from jobs.train.data.findings import expected_f1
from jobs.train.data.further import Further
from jobs.train.data.parts import Parts
from jobs.train.report.card import Figures
from model.training.automatic import Choice
from model.training.phases import silver_epochs
from pipeline.console.text import aligned

_SURE = 0.8  # two standard errors of a share of 0.8, times the root of the number of entities


def format_plan(parts: Parts, further: Further, chosen: Mapping[str, Choice]) -> str:
    """How the model will be judged, what to expect, and the settings; no final newline."""
    lines = ["plan", *(f"  {line}" for line in (*_judged(parts), *_taught(further)))]
    if chosen:
        rows = [
            (name, f"{it.value:g}" if isinstance(it.value, float) else f"{it.value}", it.reason)
            for name, it in chosen.items()
        ]
        lines += ["", "settings that follow the data, unless they are set"]
        lines += [f"  {line}" for line in aligned(rows, names=(0, 2))]
    return "\n".join(lines)


def format_figures(figures: Figures) -> str:
    """The scores of a trained model, and its speed; no final newline."""
    lines = []
    for part, scores in figures.scores.items():
        title = part
        if part == "dev" and figures.fold_f1:
            folds = len(figures.fold_f1)
            title = (
                f"cross-validation, {folds} folds: F1 {scores.micro.f1:.3f}, "
                f"standard deviation {stdev(figures.fold_f1):.3f}"
            )
        lines += ["", title, format_scores(scores)]
    if figures.speed:
        lines += ["", format_speed(figures.speed)]
    return "\n".join(lines)


def _taught(further: Further) -> list[str]:
    told = []
    if silver := sum(len(part.sentences) for part in further.silver):
        times = f"{silver_epochs(silver)} epochs"
        told.append(f"{silver:,} sentences of silver are learnt beside gold for {times} first")
    if further.text:
        count = f"{len(further.text):,} sentences of text"
        then = f"then these models label {count}; others learn from that, and take their place"
        told.append(f"{then} where they are better on gold")
    return told


def _judged(parts: Parts) -> list[str]:
    report = parts.report
    if report.dev:
        entities = sum(report.dev.entities.values())
        line = f"{report.dev.sentences:,} sentences of dev decide which epoch is kept"
    else:
        entities = sum(report.train.entities.values())
        folds = len(set(parts.folds))
        line = (
            f"cross-validation: {folds} models, each without one fold of the sentences, decide how "
            "many epochs are best; then one is trained on all"
        )
    sure = min(_SURE / math.sqrt(entities), 1.0)
    return [
        line,
        f"the F1 on their {entities:,} entities is known to about ±{sure:.2f}",
        *expected_f1(report),
    ]
