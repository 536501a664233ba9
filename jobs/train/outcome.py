"""What a training run leaves: the artifact with its figures, and what people read of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from model.artifact import Artifact
from model.baseline import baseline_statistics
from model.card import learning_curves, model_card
from model.configuration import NetworkConfig, TrainingConfig
from model.metrics import EntityScores
from model.segmentation import Segmentation

if TYPE_CHECKING:
    from model.training import FittedTagger
    from model.training_data import TokenizedSentences


@dataclass(frozen=True, eq=False)
class Outcome:
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
    network: NetworkConfig
    fitting: TrainingConfig


def outcome(
    fitted: "FittedTagger",
    recipe: Recipe,
    dev: "TokenizedSentences",
    test: "TokenizedSentences",
) -> Outcome:
    """Score the kept epoch through the code that extraction runs, and describe the model."""
    from model.evaluation import score_sentences
    from model.tagger import Tagger

    artifact = Artifact(
        name=recipe.name,
        segmentation=recipe.segmentation,
        encoder=fitted.encoder,
        tags=fitted.tags,
        weights=fitted.weights.as_stored(),
        training={"network": asdict(recipe.network), "fitting": asdict(recipe.fitting)},
        metrics={},
        baseline={},
    )
    tagger = Tagger(artifact)
    dev_scores, tagged = score_sentences(tagger, dev.words, dev.tags)
    scores = {"dev": dev_scores}
    if len(test):
        scores["test"], _ = score_sentences(tagger, test.words, test.tags)
    artifact = replace(
        artifact,
        metrics={
            "scores": {part: part_scores.to_json() for part, part_scores in scores.items()},
            "history": dict(fitted.history),
            "kept_epoch": fitted.kept_epoch,
        },
        baseline=baseline_statistics(tagged, [document.tokens for document in tagged]),
    )
    return Outcome(artifact, _people(artifact, recipe, scores, fitted), scores)


def _people(
    artifact: Artifact,
    recipe: Recipe,
    scores: Mapping[str, EntityScores],
    fitted: "FittedTagger",
) -> dict[str, str]:
    settings = {**asdict(recipe.network), **asdict(recipe.fitting)}
    labels: Sequence[str] = artifact.tags.labels
    return {
        "MODEL_CARD.md": model_card(
            recipe.name, labels, recipe.command, recipe.data, scores, settings
        ),
        "learning_curves.svg": learning_curves(fitted.history, fitted.kept_epoch),
    }
