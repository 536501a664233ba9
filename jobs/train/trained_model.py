"""What a training run leaves: the artifact with its figures, and what people read of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from jobs.train.report.card import Figures, Recipe, model_card
from jobs.train.report.outcome import warning_of
from jobs.train.report.plots import (
    confusion_matrix,
    f1_by_label,
    learning_curves,
    reliability_diagram,
)
from model.corpora.tokenized import TokenizedSentences
from model.drift.profile import baseline_statistics
from model.evaluation.calibration import calibrate
from model.evaluation.confusion import confusion
from model.evaluation.entity_scores import entity_scores
from model.evaluation.scoring import character_spans, gold_spans, score_sentences
from model.evaluation.speed import tagging_speed
from model.tagger.artifact import Artifact
from model.tagger.tagger import Tagger
from model.text.identification import identify

if TYPE_CHECKING:
    from model.training.fit import FittedTagger

_IDENTIFIED = 1000  # sentences of dev whose language is found out


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """The artifact, the texts for readers by file name, and what was measured."""

    artifact: Artifact
    people: Mapping[str, str]
    figures: Figures


def trained_model(
    fitted: "FittedTagger",
    recipe: Recipe,
    judged: Sequence[tuple["FittedTagger", TokenizedSentences]],
    test: TokenizedSentences,
) -> TrainedModel:
    """Score through the code that extraction runs, and describe the model.

    judged: the fitted tagger with dev, or the taggers of a cross-validation, each with the
    sentences that it was not trained on.
    """
    network, fitting = asdict(recipe.network), asdict(recipe.fitting)
    artifact = Artifact(
        name=recipe.name,
        segmentation=recipe.segmentation,
        **_parts_of(fitted),
        training={"network": network, "fitting": fitting, "vectors": recipe.vectors},
        metrics={},
        baseline={},
    )
    judges = [replace(artifact, **_parts_of(each)) for each, _ in judged]
    parts = [part for _, part in judged]
    calibration = calibrate(
        [(Tagger(each), part.labelled) for each, part in zip(judges, parts, strict=True)]
    )
    tagged = [
        document
        for judge, part in zip(judges, parts, strict=True)
        for document in score_sentences(
            Tagger(replace(judge, temperature=calibration.temperature)), part.words, part.tags
        )[1]
    ]
    dev = TokenizedSentences.joined(parts)
    fold_f1 = [each.history["val_f1"][each.kept_epoch - 1] for each, _ in judged if len(judged) > 1]
    found = list(map(character_spans, tagged))
    scores = {"dev": entity_scores(gold_spans(dev.words, dev.tags), found)}
    artifact = replace(artifact, temperature=calibration.temperature)
    tagger = Tagger(artifact)
    if len(test):
        scores["test"], _ = score_sentences(tagger, test.words, test.tags)
    speed = tagging_speed(tagger, dev.words)
    artifact = replace(
        artifact,
        metrics={
            "scores": {part: part_scores.to_json() for part, part_scores in scores.items()},
            "calibration": calibration.to_json(),
            "history": dict(fitted.history),
            "kept_epoch": fitted.kept_epoch,
            "speed": speed.to_json() if speed else None,
            **({"cross_validation": {"f1": fold_f1}} if fold_f1 else {}),
            **(
                {"self_training": {"f1": list(recipe.rounds), "sentences": recipe.learnt}}
                if recipe.rounds
                else {}
            ),
        },
        baseline=baseline_statistics(tagged) | _language_of(dev),
    )
    warning = warning_of(scores["dev"].micro.f1, fitted.history, fitted.kept_epoch, recipe.fitting)
    figures = Figures(scores, calibration, fold_f1, warning, speed)
    taken_for = confusion(gold_spans(dev.words, dev.tags), found)
    people = {
        "MODEL_CARD.md": model_card(artifact, recipe, figures),
        "learning_curves.svg": learning_curves(fitted.history, fitted.kept_epoch),
        "f1_by_label.svg": f1_by_label(scores.get("test", scores["dev"])),
        "confusion.svg": confusion_matrix(taken_for),
    }
    if calibration.is_fitted:
        people["reliability.svg"] = reliability_diagram(calibration)
    return TrainedModel(artifact, people, figures)


def _parts_of(fitted: "FittedTagger") -> dict[str, Any]:
    """What of an artifact comes from training."""
    weights = fitted.weights.as_stored()
    return {"encoder": fitted.encoder, "tags": fitted.tags, "weights": weights}


def _language_of(part: TokenizedSentences) -> dict[str, str]:
    """What most of its sentences are in, if that is sure of most; under the name `language`."""
    found = Counter(identify(" ".join(words)) for words in part.words[:_IDENTIFIED])
    language, count = found.most_common(1)[0] if found else (None, 0)
    return {"language": language} if language and 2 * count > found.total() - found[None] else {}
