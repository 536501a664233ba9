"""The training itself: on gold alone, or on what is beside it too."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobs.train.data.further import Further
from jobs.train.data.parts import Parts
from jobs.train.flags import chosen_for, configurations
from model.corpora import LabelledSentence
from model.corpora.tokenized import TokenizedSentences
from model.training.automatic import Choice, DataSize
from model.training.configuration import EpochLog, NetworkConfig, TrainingConfig
from model.training.word_vectors import WordVectors

if TYPE_CHECKING:
    from model.training.cross_validation import Judged
    from model.training.fit import FittedTagger


@dataclass(frozen=True)
class Settings:
    """What flags set for a size of data, and what is chosen for it where they leave it open."""

    flags: argparse.Namespace
    size: DataSize
    network: NetworkConfig
    fitting: TrainingConfig
    chosen: dict[str, Choice]

    @classmethod
    def of(cls, flags: argparse.Namespace, size: DataSize) -> "Settings":
        """Raises UsageError for values that are off."""
        chosen = chosen_for(flags, size)
        return cls(flags, size, *configurations(flags, chosen), chosen)

    def with_text(self, count: int) -> "Settings":
        """With so many sentences more, which taggers label."""
        size = replace(self.size, sentences=self.size.sentences + count, text=count)
        return Settings.of(self.flags, size)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A tagger, the settings it was trained with, and what it is judged by.

    judged: taggers, each with gold that it was not trained on. rounds: the F1 on that before the
    tagger learnt from text and after each round; empty where there was none. learnt: sentences of
    text that it learnt from.
    """

    tagger: "FittedTagger"
    judged: "Judged"
    settings: Settings
    rounds: Sequence[float] = ()
    learnt: int = 0


def fit(
    settings: Settings, parts: Parts, further: Further, vectors: WordVectors, log: EpochLog
) -> Fitted:
    """Train as is set; the tagger of the kept epoch. TensorFlow has to be started."""
    from model.training.cross_validation import fit_after_folds
    from model.training.fit import fit_tagger
    from model.training.self_training.rounds import fit_dev_with_text, fit_folds_with_text

    train, dev = (tokenized(part, parts) for part in (parts.train, parts.dev))
    silver = [part.sentences for part in further.silver if len(part.sentences)]
    network, fitting = settings.network, settings.fitting
    if not further.text:
        if not parts.folds:
            tagger = fit_tagger(train, dev, network, fitting, vectors, log, silver)
            return Fitted(tagger, [(tagger, dev)], settings)
        tagger, judged = fit_after_folds(train, parts.folds, network, fitting, vectors, log, silver)
        return Fitted(tagger, judged, settings)

    def set_for(text: int) -> tuple[NetworkConfig, TrainingConfig]:
        its = settings.with_text(text)
        return its.network, its.fitting

    if parts.folds:
        found = fit_folds_with_text(train, parts.folds, further.text, set_for, vectors, log, silver)
    else:
        found = fit_dev_with_text(train, dev, further.text, set_for, vectors, log, silver)
    settings = settings.with_text(found.learnt)
    return Fitted(found.fitted, found.judged, settings, found.f1, found.learnt)


def tokenized(part: Sequence[LabelledSentence], parts: Parts) -> TokenizedSentences:
    """A part of the gold in the tokens of extraction."""
    cut = parts.segmentation
    return TokenizedSentences.of(part, cut.tokens, characters=cut.characters)
