"""What an artifact holds for people: the model card and the learning curves."""

import io
from collections.abc import Iterable, Mapping, Sequence

from model.metrics import EntityScores

_LIMITS = (
    "Confidence is the CRF's own probability of a span. It is not calibrated: read it as an order, "
    "not as a frequency. On text of another kind, period or language than the training data expect "
    "lower scores; measure with `python -m jobs.evaluate`."
)


def model_card(
    name: str,
    labels: Sequence[str],
    command: str,
    data: Mapping[str, str],
    scores: Mapping[str, EntityScores],
    settings: Mapping[str, object],
) -> str:
    """MODEL_CARD.md: what the model is, how it was made, and how good it is.

    data: what each file of the command was; scores: by name of the part they were measured on.
    """
    parts = [
        f"# {name}",
        "A named-entity tagger for gleaner: word, character and casing features, a "
        "bidirectional LSTM and a linear-chain CRF. It finds "
        + ", ".join(f"`{label}`" for label in labels)
        + ".",
        "## Training",
        f"    {command}",
        *_table(("data", ""), data.items()),
        *_table(("setting", "value"), settings.items()),
        "## Scores",
        "Strict: an entity counts only where its start, its end and its label are all right.",
    ]
    for part, part_scores in scores.items():
        rows = [
            (label, f"{s.precision:.4f} | {s.recall:.4f} | {s.f1:.4f} | {s.support:,}")
            for label, s in [*part_scores.labels.items(), ("**all (micro)**", part_scores.micro)]
        ]
        parts += [f"### {part}", *_table(("label", "precision | recall | F1 | support"), rows)]
    parts += [
        "![learning curves](learning_curves.svg)",
        "## Limits",
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def learning_curves(history: Mapping[str, Sequence[float]], kept_epoch: int) -> str:
    """Loss and entity scores by epoch, as an SVG; the kept epoch is marked."""
    # Not the pyplot interface: it holds figures in module state and looks for a display.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    epochs = range(1, len(next(iter(history.values()))) + 1)
    # A fixed salt and no date make equal curves equal files.
    with rc_context({"svg.hashsalt": "gleaner", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 3), layout="constrained")
        losses, scores = figure.subplots(1, 2)
        for name, values in history.items():
            axes = losses if "loss" in name else scores
            axes.plot(epochs, values, label=name)
        for axes, title in ((losses, "loss"), (scores, "entity scores on dev")):
            axes.axvline(kept_epoch, color="0.7", linestyle=":", label="kept epoch")
            axes.set(title=title, xlabel="epoch")
            axes.legend(fontsize="small")
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return svg.getvalue()


def _table(head: tuple[str, str], rows: Iterable[tuple[str, object]]) -> list[str]:
    columns = sum(title.count("|") + 1 for title in head)
    lines = [f"| {head[0]} | {head[1]} |", "|" + " --- |" * columns]
    lines += [f"| {key} | {value} |" for key, value in rows]
    return ["\n".join(lines)]
