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
from model.training.automatic import Choice
from model.training.configuration import EpochLog, NetworkConfig, TrainingConfig
from model.training.word_vectors import WordVectors

if TYPE_CHECKING:
    from model.training.cross_validation import Judged
    from model.training.fit import FittedTagger


@dataclass(frozen=True)
class Settings:
    """What is set for a size of data, and of that what nobody set."""

    network: NetworkConfig
    fitting: TrainingConfig
    chosen: dict[str, Choice]

    @classmethod
    def of(
        cls, flags: argparse.Namespace, parts: Parts, further: Further, text: int = 0
    ) -> "Settings":
        """For gold, silver, and so many sentences of text that taggers label."""
        size = further.size(parts.size)
        size = replace(size, sentences=size.sentences + text, text=text)
        chosen = chosen_for(flags, size)
        return cls(*configurations(flags, chosen), chosen)


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
    flags: argparse.Namespace,
    parts: Parts,
    further: Further,
    vectors: WordVectors,
    log: EpochLog,
) -> Fitted:
    """Train as the flags say; the tagger of the kept epoch. TensorFlow has to be started."""
    from model.training.cross_validation import fit_after_folds
    from model.training.fit import fit_tagger
    from model.training.self_training.rounds import fit_dev_with_text, fit_folds_with_text

    train, dev = (tokenized(part, parts) for part in (parts.train, parts.dev))
    silver = [part.sentences for part in further.silver if len(part.sentences)]
    settings = Settings.of(flags, parts, further)
    network, fitting = settings.network, settings.fitting
    if not further.text:
        if not parts.folds:
            tagger = fit_tagger(train, dev, network, fitting, vectors, log, silver)
            return Fitted(tagger, [(tagger, dev)], settings)
        tagger, judged = fit_after_folds(train, parts.folds, network, fitting, vectors, log, silver)
        return Fitted(tagger, judged, settings)

    def set_for(text: int) -> tuple[NetworkConfig, TrainingConfig]:
        its = Settings.of(flags, parts, further, text)
        return its.network, its.fitting

    if parts.folds:
        found = fit_folds_with_text(train, parts.folds, further.text, set_for, vectors, log, silver)
    else:
        found = fit_dev_with_text(train, dev, further.text, set_for, vectors, log, silver)
    settings = Settings.of(flags, parts, further, found.learnt)
    return Fitted(found.fitted, found.judged, settings, found.f1, found.learnt)


def tokenized(part: Sequence[LabelledSentence], parts: Parts) -> TokenizedSentences:
    """A part of the gold in the tokens of extraction."""
    cut = parts.segmentation
    return TokenizedSentences.of(part, cut.tokens, characters=cut.characters)
