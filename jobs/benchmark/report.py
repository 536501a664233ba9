"""What the benchmark found: medians over the rounds, a table, and a chart."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from jobs.benchmark.command import WatchedRun
from jobs.benchmark.stages import STAGES, StageTimes
from jobs.benchmark.svg import svg_of
from model.host.system import processor_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Round:
    """One round: the command, the stages and, where there is one, spaCy, one after the other."""

    command: WatchedRun
    stages: Sequence[StageTimes]
    spacy: Mapping[str, Any] | None


def round_figures(measured: Round) -> dict[str, Any]:
    """The figures of one round; ratios are taken within it, since a machine's speed drifts."""
    counts, seconds = measured.command.manifest["counts"], measured.command.seconds
    tokens = sum(times.tokens for times in measured.stages)
    # The slowest process decides when the model is done.
    model_rate = tokens / max(times.model_seconds for times in measured.stages)
    rate = counts["tokens"] / seconds
    processes = len(measured.stages)
    busy = {
        stage: sum(times.seconds[stage] for times in measured.stages) / (processes * seconds)
        for stage in STAGES
    }
    figures: dict[str, Any] = {
        "command_seconds": seconds,
        "command_tokens_per_second": rate,
        "command_characters_per_second": counts["characters"] / seconds,
        "startup_seconds": measured.command.startup,
        "peak_mb": measured.command.peak_mb,
        "model_tokens_per_second": model_rate,
        "command_over_model": rate / model_rate,
        "cells_per_token": sum(times.cells for times in measured.stages) / tokens,
        "share": {**busy, "start-up, Beam, waiting": 1 - sum(busy.values())},
    }
    if measured.spacy:
        spacy_rate = measured.spacy["characters"] / measured.spacy["seconds"]
        figures["spacy_characters_per_second"] = spacy_rate
        figures["spacy_tokens_per_second"] = measured.spacy["tokens"] / measured.spacy["seconds"]
        figures["command_over_spacy"] = figures["command_characters_per_second"] / spacy_rate
    return figures


def summary(measured_rounds: Sequence[Round], mode: Mapping[str, Any]) -> dict[str, Any]:
    """All rounds and their medians, with what is needed to judge them."""
    rounds = [round_figures(measured) for measured in measured_rounds]
    manifest = measured_rounds[0].command.manifest
    return {
        "corpus": {
            name: manifest["counts"][name]
            for name in ("files", "documents", "characters", "tokens", "unknown_tokens", "entities")
        },
        "model": manifest["model"],
        "mode": dict(mode),
        "configuration": manifest["configuration"],
        "versions": {**manifest["versions"], "python": platform.python_version()},
        "machine": {"processor": processor_name(), "cores": os.cpu_count()},
        "spacy": dict(measured_rounds[0].spacy) if measured_rounds[0].spacy else None,
        "rounds": rounds,
        "median": _medians(rounds),
    }


def table(found: Mapping[str, Any]) -> str:
    """The summary as a person reads it."""
    median_of, mode, rounds = found["median"], found["mode"], found["rounds"]
    spread = [figures["command_seconds"] for figures in rounds]
    sizes = ("documents", "characters", "tokens")
    size = ", ".join(f"{found['corpus'][name]:,} {name}" for name in sizes)
    machine = f"{found['machine']['processor']}, {found['machine']['cores']} cores"
    how = "one process"
    if mode["processes"]:
        how = f"{mode['processes']} processes, TensorFlow threads of each: {mode['threads']}"
    lines = [
        f"{size}; model {found['model']}",
        f"{machine}; {how}; median of {len(rounds)}",
        "",
        _row("whole command", median_of["command_tokens_per_second"], "tokens/s"),
        _row("", median_of["command_characters_per_second"], "characters/s"),
        _row("", median_of["command_seconds"], f"s ({min(spread):.1f} to {max(spread):.1f})", 1),
        _row("  start-up", median_of["startup_seconds"], "s to the first tagged batch", 1),
    ]
    if median_of["peak_mb"]:
        lines.append(_row("  peak memory", median_of["peak_mb"], "MB, the largest process"))
    lines += [
        _row("model alone", median_of["model_tokens_per_second"], "tokens/s"),
        _row("  command / model", median_of["command_over_model"], "", 2),
        _row("  padding", median_of["cells_per_token"], "cells a token (none are computed)", 2),
    ]
    if found["spacy"]:
        spacy = found["spacy"]
        how = f"{spacy['model']}, {spacy['processes']} processes"
        lines += [
            _row("spaCy, NER only", median_of["spacy_characters_per_second"], "characters/s"),
            _row("", spacy["characters"], f"characters: spaCy {spacy['spacy']}, {how}"),
            _row("  command / spaCy", median_of["command_over_spacy"], "", 1),
        ]
    lines += ["", "share of the command's time, all processes"]
    lines += [f"  {stage:<24} {share:>6.1%}" for stage, share in median_of["share"].items()]
    return "\n".join(lines)


def chart(found: Mapping[str, Any]) -> str:
    """Characters a second as bars, as an SVG: the model alone, the command, and spaCy."""
    figures, corpus = found["median"], found["corpus"]
    per_token = corpus["characters"] / corpus["tokens"]
    bars = {
        "model alone": figures["model_tokens_per_second"] * per_token,
        "gleaner, raw text to Parquet": figures["command_characters_per_second"],
    }
    if found["spacy"]:
        bars["spaCy, raw text to entities"] = figures["spacy_characters_per_second"]

    def draw(axes: "Axes") -> None:
        colours = ["#9bb8d3", "#1f5f99", "#b0b0b0"][: len(bars)]
        drawn = axes.barh(list(bars), list(bars.values()), color=colours)
        axes.bar_label(drawn, [f"{value:,.0f}" for value in bars.values()], padding=4)
        axes.invert_yaxis()
        axes.set_xlim(0, max(bars.values()) * 1.18)
        axes.set_xlabel("characters a second")
        axes.locator_params(axis="x", nbins=5)  # long numbers, which would touch
        axes.xaxis.set_major_formatter("{x:,.0f}")

    return svg_of(draw, 0.5 + 0.45 * len(bars))


def _medians(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    medians: dict[str, Any] = {}
    for name, first in rounds[0].items():
        values = [figures[name] for figures in rounds]
        if isinstance(first, Mapping):
            medians[name] = _medians(values)
        else:
            medians[name] = None if None in values else median(values)
    return medians


def _row(name: str, value: float, unit: str, digits: int = 0) -> str:
    return f"{name:<20} {value:>12,.{digits}f} {unit}".rstrip()
