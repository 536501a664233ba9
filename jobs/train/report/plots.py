"""Plots of a model's training and scores, as SVG; equal figures give equal files."""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from model.evaluation.calibration import BINS, Calibration, Reliability
from model.evaluation.confusion import Confusion
from model.evaluation.entity_scores import EntityScores
from model.text.escaping import harmless, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LONGEST = 24  # characters shown of a label
_BLUE, _GREY = "#3b6ea5", "0.7"


def learning_curves(history: Mapping[str, Sequence[float]], kept_epoch: int) -> str:
    """Loss and entity scores by epoch; the kept epoch (from 1) is marked."""
    epochs = range(1, len(next(iter(history.values()))) + 1)

    def draw(figure: "Figure") -> None:
        losses, scores = figure.subplots(1, 2)
        for name, values in history.items():
            axes = losses if "loss" in name else scores
            axes.plot(epochs, values, label=name)
        for axes, title in ((losses, "loss"), (scores, "entity scores on dev")):
            axes.axvline(kept_epoch, color=_GREY, linestyle=":", label="kept epoch")
            axes.set(title=title, xlabel="epoch")
            axes.legend(fontsize="small")

    return _svg(draw, 8, 3)


def f1_by_label(scores: EntityScores) -> str:
    """One bar a label, the best on top; a line stands at the micro F1."""
    rows = sorted(scores.labels.items(), key=lambda row: (row[1].f1, row[0]))

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        names = [f"{_shown(label)} ({row.support:,})" for label, row in rows]
        bars = axes.barh(range(len(rows)), [row.f1 for _, row in rows], color=_BLUE)
        axes.set_yticks(range(len(rows)), names)
        axes.bar_label(bars, fmt="%.2f", padding=3, fontsize="small")
        axes.axvline(scores.micro.f1, color=_GREY, linestyle=":", label="all (micro)")
        axes.set(title="F1 by label (entities)", xlim=(0, 1.08))
        axes.legend(fontsize="small", loc="lower right")

    return _svg(draw, 6, 1.2 + 0.3 * len(rows))


def confusion_matrix(confusion: Confusion) -> str:
    """Counts of gold by predicted label; a cell is as dark as its share of the row is large."""
    names = [*map(_shown, confusion.labels), "none"]
    counts = np.array(confusion.counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        # Not `imshow`, which would put a bitmap into the SVG.
        axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white")
        axes.invert_yaxis()
        middles = np.arange(len(names)) + 0.5
        axes.set_xticks(middles, names, rotation=45, ha="right")
        axes.set_yticks(middles, names)
        axes.set(title="what gold entities are taken for", xlabel="predicted", ylabel="gold")
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if shares[row, column] > 0.5 else "black"  # noqa: PLR2004 - half dark
            axes.text(
                middles[column],
                middles[row],
                f"{counts[row, column]:,}",
                ha="center",
                va="center",
                color=colour,
                fontsize="small",
            )

    return _svg(draw, 2 + 0.6 * len(names), 1.6 + 0.5 * len(names))


def reliability_diagram(calibration: Calibration) -> str:
    """Share of right spans by confidence, before and after, and the number of spans in each bin."""

    def draw(figure: "Figure") -> None:
        both = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
        share, number = both
        share.plot([0, 1], [0, 1], color=_GREY, linestyle=":", label="perfect")
        before, after = calibration.before, calibration.after
        _curve(share, before, f"temperature 1, ECE {before.ece:.3f}", "0.5")
        temperature = f"temperature {calibration.temperature:g}"
        _curve(share, after, f"{temperature}, ECE {after.ece:.3f}", _BLUE)
        share.set(title="is confidence right?", ylabel="share right", ylim=(0, 1.02))
        share.legend(fontsize="small", loc="upper left")
        middles = (np.arange(BINS) + 0.5) / BINS
        number.bar(middles, [b.spans for b in after.bins], width=0.9 / BINS, color=_BLUE)
        number.set(xlabel="confidence", ylabel="entities", xlim=(0, 1.02))

    return _svg(draw, 5, 5)


def _curve(axes: "Axes", measured: Reliability, name: str, colour: str) -> None:
    filled = [one for one in measured.bins if one.spans]
    confidences, shares = [one.confidence for one in filled], [one.right for one in filled]
    axes.plot(confidences, shares, marker="o", markersize=4, color=colour, label=name)


def _shown(label: str) -> str:
    """A label as a plot can hold it: XML has no control characters, and a plot no room."""
    return shortened(harmless(label), _LONGEST)


def _svg(draw: Callable[["Figure"], None], width: float, height: float) -> str:
    # Not the pyplot interface: it holds figures in module state and looks for a display.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style = rc_context(
        {
            "svg.hashsalt": "gleaner",  # and no date, so that equal figures give equal files
            "svg.fonttype": "none",
            "text.parse_math": False,  # a label's `$` is a dollar
        }
    )
    with style, warnings.catch_warnings():
        # Text stays text in the file, so it matters little which glyphs the fonts here lack.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return svg.getvalue()
