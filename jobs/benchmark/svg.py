"""Charts of the benchmarks as SVG."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def svg_of(draw: "Callable[[Axes], None]", height: float) -> str:
    """What `draw` puts on axes without a frame, 7 inches wide; the same from run to run."""
    # Not the pyplot interface: it holds figures in module state and looks for a display.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "gleaner", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, height), layout="constrained")
        axes = figure.subplots()
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        draw(axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
