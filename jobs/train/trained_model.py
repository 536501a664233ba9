"""What a training run leaves: the artifact with its figures, and what people read of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from jobs.train.card import model_card
from jobs.train.plots import confusion_matrix, f1_by_label, learning_curves, reliability_diagram
from model.corpora import LabelledSentence
from model.corpora.tokenized import TokenizedSentences
from model.drift.profile import baseline_statistics
from model.evaluation.calibration import calibrate
from model.evaluation.confusion import confusion
from model.evaluation.entity_scores import EntityScores
from model.evaluation.scoring import character_spans, gold_spans, score_sentences
from model.tagger.artifact import Artifact
from model.tagger.tagger import Tagger
from model.text.identification import identify
from model.text.segmentation import Segmentation
from model.training.configuration import NetworkConfig, TrainingConfig

if TYPE_CHECKING:
    from model.training.fit import FittedTagger

_IDENTIFIED = 1000  # sentences of dev whose language is found out


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """The artifact, the texts for readers by file name, and the scores by part."""

    artifact: Artifact
    people: Mapping[str, str]
    scores: Mapping[str, EntityScores]


@dataclass(frozen=True)
class Recipe:
    """How the model was made, as its card tells it."""

    name: str
    command: str
    data: Mapping[str, str]
    segmentation: Segmentation
    vectors: str | None  # what they are called
    network: NetworkConfig
    fitting: TrainingConfig


def trained_model(
    fitted: "FittedTagger",
    recipe: Recipe,
    dev: TokenizedSentences,
    test: TokenizedSentences,
) -> TrainedModel:
    """Score the kept epoch through the code that extraction runs, and describe the model."""
    network, fitting = asdict(recipe.network), asdict(recipe.fitting)
    artifact = Artifact(
        name=recipe.name,
        segmentation=recipe.segmentation,
        encoder=fitted.encoder,
        tags=fitted.tags,
        weights=fitted.weights.as_stored(),
        training={"network": network, "fitting": fitting, "vectors": recipe.vectors},
        metrics={},
        baseline={},
    )
    calibration = calibrate(Tagger(artifact), _sentences(dev))
    artifact = replace(artifact, temperature=calibration.temperature)
    tagger = Tagger(artifact)
    dev_scores, tagged = score_sentences(tagger, dev.words, dev.tags)
    scores = {"dev": dev_scores}
    if len(test):
        scores["test"], _ = score_sentences(tagger, test.words, test.tags)
    artifact = replace(
        artifact,
        metrics={
            "scores": {part: part_scores.to_json() for part, part_scores in scores.items()},
            "calibration": calibration.to_json(),
            "history": dict(fitted.history),
            "kept_epoch": fitted.kept_epoch,
        },
        baseline=baseline_statistics(tagged) | _language_of(dev),
    )
    settings = {"vectors": recipe.vectors or "none", **network, **fitting}
    taken_for = confusion(gold_spans(dev.words, dev.tags), map(character_spans, tagged))
    people = {
        "MODEL_CARD.md": model_card(
            artifact, recipe.command, recipe.data, settings, scores, calibration
        ),
        "learning_curves.svg": learning_curves(fitted.history, fitted.kept_epoch),
        "f1_by_label.svg": f1_by_label(scores.get("test", scores["dev"])),
        "confusion.svg": confusion_matrix(taken_for),
    }
    if calibration.is_fitted:
        people["reliability.svg"] = reliability_diagram(calibration)
    return TrainedModel(artifact, people, scores)


def _language_of(part: TokenizedSentences) -> dict[str, str]:
    """What most of its sentences are in, if that is sure of most; under the name `language`."""
    found = Counter(identify(" ".join(words)) for words in part.words[:_IDENTIFIED])
    language, count = found.most_common(1)[0] if found else (None, 0)
    return {"language": language} if language and 2 * count > found.total() - found[None] else {}


def _sentences(part: TokenizedSentences) -> list[LabelledSentence]:
    pairs = zip(part.words, part.tags, strict=True)
    return [LabelledSentence(tuple(words), tuple(tags)) for words, tags in pairs]
