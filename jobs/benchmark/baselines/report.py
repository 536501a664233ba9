"""The comparison of taggers as a table and as a chart of F1 by speed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.benchmark.baselines.measure import Measured
from jobs.benchmark.svg import svg_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEADINGS = ("F1", "precision", "recall", "tokens/s", "trained in")


def table(measured: Sequence[Measured]) -> str:
    """A line for each tagger, as a person reads it."""
    width = max(len(each.name) for each in measured)
    lines = [" " * width + "".join(f"{heading:>11}" for heading in _HEADINGS)]
    for each in measured:
        scores = (each.scores.f1, each.scores.precision, each.scores.recall)
        cells = [*(f"{score:.4f}" for score in scores), f"{each.tokens_per_second:,.0f}"]
        cells.append("-" if each.training_seconds is None else f"{each.training_seconds:,.0f} s")
        lines.append(each.name.ljust(width) + "".join(f"{cell:>11}" for cell in cells))
    return "\n".join(lines)


def chart(measured: Sequence[Measured]) -> str:
    """F1 by tokens a second, which grow by tens, as an SVG."""

    def draw(axes: "Axes") -> None:
        rates = [each.tokens_per_second for each in measured]
        f1s = [each.scores.f1 for each in measured]
        axes.set_xscale("log")
        axes.scatter(rates, f1s, color=["#1f5f99", *["#7a7a7a"] * (len(measured) - 1)])
        for each, rate, f1 in zip(measured, rates, f1s, strict=True):
            axes.annotate(each.name, (rate, f1), (0, 7), textcoords="offset points", ha="center")
        axes.set_xlim(min(rates) / 3, max(rates) * 3)  # room for the names
        axes.margins(y=0.2)
        axes.set_xlabel("tokens a second on one core")
        axes.set_ylabel("F1")
        axes.xaxis.set_major_formatter("{x:,.0f}")

    return svg_of(draw, 3.2)
