"""MODEL_CARD.md: what a person wants to know before trusting a model, best first."""

import re
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import stdev

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from jobs.evaluate.terminal import rounded
from model.evaluation.calibration import FEWEST, Calibration, Threshold
from model.evaluation.entity_scores import EntityScores
from model.evaluation.speed import Speed
from model.tagger.artifact import Artifact
from model.text.escaping import harmless
from model.text.segmentation import Segmentation
from model.training.automatic import Choice
from model.training.configuration import NetworkConfig, TrainingConfig

_TEMPLATE = "card.md.j2"
_TARGETS = (0.9, 0.95, 0.99)  # precisions that a threshold is named for
_FEW = 50  # entities: below, one of them moves the recall by more than two points


@dataclass(frozen=True)
class Recipe:
    """How a model was made.

    data: what each part of the labelled data was, by its name. vectors: what they are called.
    chosen: the settings that nobody set, and why they are what they are. rounds: the F1 before it
    learnt from text without labels and after each round, if it was to; learnt: sentences of that.
    """

    name: str
    command: str
    data: Mapping[str, str]
    segmentation: Segmentation
    vectors: str | None
    network: NetworkConfig
    fitting: TrainingConfig
    chosen: Mapping[str, Choice]
    rounds: Sequence[float] = ()
    learnt: int = 0


@dataclass(frozen=True)
class Figures:
    """What was measured of a model.

    scores: by the name of the part, "dev" and perhaps "test". fold_f1: of each fold, where "dev" is
    all of train in a cross-validation. warning: why the model is of no use, if so. speed: of the
    model alone on the sentences of "dev".
    """

    scores: Mapping[str, EntityScores]
    calibration: Calibration
    fold_f1: Sequence[float] = ()
    warning: str | None = None
    speed: Speed | None = None


def model_card(artifact: Artifact, recipe: Recipe, figures: Figures) -> str:
    """The card of a model, as Markdown.

    Names that come from the data or from the user are escaped.
    """
    scores, calibration, fold_f1 = figures.scores, figures.calibration, figures.fold_f1
    part = "test" if "test" in scores else "dev"
    rare = [label for label, row in scores[part].labels.items() if row.support < _FEW]
    model = shlex.quote(f"models/{' '.join(artifact.name.split())}")
    usage = (
        f"python -m pipeline.run --runner=DirectRunner --model {model} "
        "--input 'corpus/*.jsonl' --output out\n"
        f"python -m jobs.evaluate --model {model} --data labelled.csv"
    )
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # of what `finalize` leaves, which is nothing
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    environment.filters["as"] = format
    return environment.get_template(_TEMPLATE).render(
        artifact=artifact,
        part=part,
        recipe=recipe,
        settings=asdict(recipe.network) | asdict(recipe.fitting),
        figures=figures,
        scores=scores,
        calibration=calibration,
        fewest=FEWEST,
        deviation=stdev(fold_f1) if len(fold_f1) > 1 else 0.0,
        of_dev="what the cross-validation tagged" if fold_f1 else "dev",
        advice=_advice(calibration.thresholds),
        usage=_code(usage),
        command=_code(recipe.command),
        rare=rare,
        speed=rounded(figures.speed) if figures.speed else None,
        few=_FEW,
        rounds=rounds_in_words(recipe.rounds, recipe.learnt) if recipe.rounds else "",
    )


def rounds_in_words(f1: Sequence[float], learnt: int) -> str:
    """What came of text without labels: the F1 before it and after each round."""
    path = ", ".join(f"{each:.3f}" for each in f1)
    told = f"F1 before the text was learnt from, and after each round: {path}"
    if not learnt:
        return f"{told}; it was no gain, and the model learnt nothing from it"
    last = "" if f1[-1] == max(f1) else ", the last of which was no gain and is left out"
    return f"{told}{last}; {learnt:,} sentences of text were learnt from"


def escaped(text: str) -> str:
    """Text as Markdown that shows just this text, on one line and within a cell of a table.

    What does not print is shown as an escape sequence.
    """
    return re.sub(r"([\\`*_\[\]<>|~&#$!])", r"\\\1", harmless(" ".join(text.split())))


def _shown(value: object) -> object:
    """What an expression of the template gives; `safe` marks what is our own."""
    return Markup(escaped(value)) if type(value) is str else value  # noqa: S704 - as Markdown


def _advice(thresholds: Sequence[Threshold]) -> str:
    """Which threshold to choose for which precision."""
    choices = []
    for target in _TARGETS:
        enough = [t for t in thresholds if round(t.precision, 3) >= target]
        if enough:
            choice = f"`--min_confidence {enough[0].confidence:g}`"
            choices.append(f"for a precision of {target:.0%} take {choice}")
        else:
            choices.append(f"no threshold of the table reaches a precision of {target:.0%}")
    advice = "; ".join(choices)
    return f"{advice[0].upper()}{advice[1:]}."


def _code(lines: str) -> str:
    """An indented block: unlike a fence, nothing in the lines can end it."""
    shown = "\n".join(map(harmless, lines.split("\n")))
    return textwrap.indent(shown, "    ", lambda _: True)
