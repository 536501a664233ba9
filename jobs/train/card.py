"""MODEL_CARD.md: what a person wants to know before trusting a model, best first."""

import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from model.evaluation.calibration import BINS, Calibration, Threshold
from model.evaluation.entity_scores import EntityScores
from model.tagger.artifact import Artifact
from model.text.escaping import harmless

# File names of the plots that the card shows.
LEARNING_CURVES = "learning_curves.svg"
F1_BY_LABEL = "f1_by_label.svg"
CONFUSION = "confusion.svg"
RELIABILITY = "reliability.svg"

_STRICT = "An entity counts only where its start, its end and its label are all right."
_MEANING = (
    "Each entity has a confidence: the CRF's probability that exactly this span has exactly this "
    "label."
)
_UNCALIBRATED = (
    "Dev has too few entities to calibrate it, so read it as an order, not as a frequency."
)
_THRESHOLDS = (
    "With `--min_confidence`, entities below a confidence are left out. On the same half of dev:"
)
_ELSEWHERE = (
    "On text of another kind, period or language than the training data expect lower scores, and "
    "confidence that says too much. Measure on labelled text of your own with "
    "`python -m jobs.evaluate`."
)
_NO_NESTING = "Entities neither overlap nor nest, and stay within a sentence."
_LICENCE = (
    "The licence of the model depends on that of its training data. Whoever trained it and hands "
    "it on states it here."
)
_TARGETS = (0.9, 0.95, 0.99)  # precisions that a threshold is named for
_FEW = 50  # entities: below, one of them moves the recall by more than two points
_FEATURES = (
    "word, character and casing features, a bidirectional LSTM and a linear-chain CRF (BiLSTM-CRF)"
)


def model_card(
    artifact: Artifact,
    command: str,
    data: Mapping[str, str],
    settings: Mapping[str, object],
    scores: Mapping[str, EntityScores],
    calibration: Calibration,
) -> str:
    """The card of a model, as Markdown.

    data: what each part of the labelled data was; settings: of the training; scores: by the name
    of the part that they were measured on, "dev" and perhaps "test". Names that come from the data
    or from the user are escaped.
    """
    part = "test" if "test" in scores else "dev"
    others = [name for name in scores if name != part]
    blocks = [
        f"# {escaped(artifact.name)}",
        _summary(artifact.tags.labels, part, scores[part], data),
        _score_table(scores[part]),
        f"![F1 by label]({F1_BY_LABEL})",
        "## When to trust it",
        *_trust(calibration),
        "What gold entities of dev are taken for (each for the entity that shares most with it):",
        f"![confusion between labels]({CONFUSION})",
        "## How to use it",
        *_usage(artifact.name),
        "## Limits",
        *_limits(artifact, scores[part]),
        "## How it was made",
        *_making(artifact, command, data, settings),
        *(f"Scores on {name}:\n\n{_score_table(scores[name])}" for name in others),
        "## Licence",
        _LICENCE,
    ]
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """Text as Markdown that shows just this text, on one line and within a cell of a table.

    What does not print is shown as an escape sequence.
    """
    return re.sub(r"([\\`*_\[\]<>|~&#$!])", r"\\\1", harmless(" ".join(text.split())))


def _summary(
    labels: Sequence[str], part: str, scores: EntityScores, data: Mapping[str, str]
) -> str:
    names = ", ".join(f"**{escaped(label)}**" for label in labels)
    micro = scores.micro
    seen = " Dev also decided which epoch was kept." if part == "dev" else ""
    return (
        f"Finds {names} in text. On {part} ({escaped(data[part])}) it finds "
        f"{micro.recall:.1%} of the {micro.support:,} entities, and {micro.precision:.1%} of what "
        f"it finds is right: F1 {micro.f1:.3f}.{seen} {_STRICT}"
    )


def _score_table(scores: EntityScores) -> str:
    rows = [(escaped(label), row) for label, row in scores.labels.items()]
    return _table(
        ("label", "precision", "recall", "F1", "entities"),
        [
            (name, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}", f"{s.support:,}")
            for name, s in [*rows, ("**all (micro)**", scores.micro)]
        ],
    )


def _trust(calibration: Calibration) -> list[str]:
    if not calibration.is_fitted:
        return [f"{_MEANING} {_UNCALIBRATED}"]
    fitted, measured = calibration.fitted_on, calibration.measured_on
    calibrated = (
        f"It is calibrated: a temperature of {calibration.temperature:g} was fitted on half of dev "
        f"({fitted.found:,} found entities). On the other half ({measured.found:,}) confidence and "
        f"the share that is right differ by {calibration.after.ece:.3f} on average (expected "
        f"calibration error, {BINS} bins; {calibration.before.ece:.3f} at temperature 1)."
    )
    return [
        f"{_MEANING} {calibrated}",
        f"![reliability]({RELIABILITY})",
        _THRESHOLDS,
        _table(
            ("`--min_confidence`", "precision", "recall", "F1", "entities kept"),
            [(f"{t.confidence:g}", *_kept(t), f"{t.kept:.1%}") for t in calibration.thresholds],
        ),
        _advice(calibration.thresholds),
    ]


def _kept(threshold: Threshold) -> tuple[str, str, str]:
    precision = f"{threshold.precision:.3f}" if threshold.kept else "-"
    return precision, f"{threshold.recall:.3f}", f"{threshold.f1:.3f}"


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
    said = "; ".join(choices)
    return f"{said[0].upper()}{said[1:]}."


def _usage(name: str) -> list[str]:
    model = shlex.quote(f"models/{' '.join(name.split())}")
    return [
        "With its directory as `--model`:",
        _code(
            f"python -m pipeline.run --runner=DirectRunner --model {model} "
            "--input 'corpus/*.jsonl' --output out\n"
            f"python -m jobs.evaluate --model {model} --data labelled.csv"
        ),
    ]


def _limits(artifact: Artifact, scores: EntityScores) -> list[str]:
    language = escaped(artifact.segmentation.language)
    limits = [
        _ELSEWHERE,
        f"Sentences are cut by the rules of the language {language}.",
        _NO_NESTING,
    ]
    rare = [escaped(label) for label, row in scores.labels.items() if row.support < _FEW]
    if rare:
        limits.append(
            f"Fewer than {_FEW} entities stand behind the scores of {', '.join(rare)}: they are "
            "rough."
        )
    return ["\n".join(f"- {limit}" for limit in limits)]


def _making(
    artifact: Artifact, command: str, data: Mapping[str, str], settings: Mapping[str, object]
) -> list[str]:
    vocabulary = artifact.encoder.vocabulary
    sizes = {
        "words known": f"{len(vocabulary.words):,}",
        "characters known": f"{len(vocabulary.characters):,}",
        "tag scheme": artifact.tags.scheme,
    }
    return [
        f"A model of gleaner: {_FEATURES}.",
        _code(command),
        _table(("data", ""), [(escaped(name), escaped(said)) for name, said in data.items()]),
        f"![learning curves]({LEARNING_CURVES})",
        _table(
            ("setting", "value"),
            [
                *sizes.items(),
                *((name, escaped(_setting(value))) for name, value in settings.items()),
            ],
        ),
    ]


def _setting(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _code(lines: str) -> str:
    """An indented block: unlike a fence, nothing in the lines can end it."""
    shown = "\n".join(map(harmless, lines.split("\n")))
    return textwrap.indent(shown, "    ", lambda _: True)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
