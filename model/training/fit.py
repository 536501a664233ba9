"""Fitting a tagger the Keras way: compile, callbacks, fit, and the best epoch kept."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model.corpora.tokenized import TokenizedSentences
from model.tagger.encoding import WordEncoder
from model.tagger.vocabulary import RESERVED, Vocabulary
from model.tagger.weights import TaggerWeights
from model.tags import TagSet
from model.training.averaging import WeightAverage
from model.training.callbacks.dev_scores import DevScores, Judge
from model.training.callbacks.logs import loggers
from model.training.callbacks.progress import ProgressLine
from model.training.callbacks.state_keeper import StateKeeper
from model.training.callbacks.time_limit import TimeLimit
from model.training.checkpoint import TrainingState, fingerprint
from model.training.configuration import EpochLog, NetworkConfig, TrainingConfig
from model.training.data.batches import EncodedSentences, EpochPlan
from model.training.data.silver import SilverSentences
from model.training.keras_version import keras, named
from model.training.network import BiLSTMCRF
from model.training.optimizer import make_optimizer
from model.training.word_vectors import NO_VECTORS, WordVectors
from schemas.errors import UsageError

# Sentences of dev that are scored at once.
_DEV_BATCH = 128
# A part of a step with fewer sentences would not fill a thread.
_PART_SENTENCES = 16


@dataclass(frozen=True, eq=False)
class FittedTagger:
    """The weights of the kept epoch, what they were trained with, and the learning curves."""

    weights: TaggerWeights
    encoder: WordEncoder
    tags: TagSet
    history: Mapping[str, list[float]]
    kept_epoch: int  # from 1


def fit_tagger(
    train: TokenizedSentences,
    dev: TokenizedSentences | None,
    network: NetworkConfig,
    config: TrainingConfig,
    vectors: WordVectors = NO_VECTORS,
    log: EpochLog | None = None,
    silver: Sequence[SilverSentences] = (),
) -> FittedTagger:
    """Train on `train`, keep the epoch that does best on `dev` by the monitored value.

    Without dev, the last epoch is kept. Tags come from `train` alone, the vocabulary also from the
    silver sentences, and from the vectors their words. The same seed gives the same weights on the
    same machine. With `log`, progress is written and saved there, and a training that `log` resumes
    ends as if it had never been interrupted. Raises UsageError for names that Keras does not know,
    and where what is resumed had other data or settings.
    """
    return Training(train, dev, network, config, vectors, silver).fit(log or EpochLog())


class Training:
    """A network beside the sentences that it is to be fitted to, and scored on.

    One after the other they are made alike in every process; then several may fit side by side.
    Sentences, settings and errors are those of `fit_tagger`.
    """

    def __init__(
        self,
        train: TokenizedSentences,
        dev: TokenizedSentences | None,
        network: NetworkConfig,
        config: TrainingConfig,
        vectors: WordVectors = NO_VECTORS,
        silver: Sequence[SilverSentences] = (),
    ) -> None:
        self.config = config
        texts = [*train.words, *(words for part in silver for words in part.words)]
        self.tokens = sum(map(len, texts))
        network = _known(network)
        keras.utils.set_random_seed(config.seed)
        self.tags = TagSet.from_tags(train.tags, config.scheme)
        seen = Vocabulary.of(
            (word for words in texts for word in words), min_count=config.min_word_count
        )
        seen = replace(seen, words=seen.words[: config.vocabulary_size])  # most frequent first
        words = seen.words + vectors.further_words(seen.words, config.vocabulary_size)
        self.encoder = WordEncoder(replace(seen, words=words))
        self.train = EncodedSentences.of(train, self.encoder, self.tags, silver)
        self.dev = EncodedSentences.of(dev, self.encoder, self.tags) if dev else None

        self.plan = EpochPlan(self.train.lengths, config.batch_size, config.seed)
        self.model = BiLSTMCRF(
            len(seen.words) + RESERVED,
            len(seen.characters) + RESERVED,
            self.tags,
            network,
            vectors.table(words, RESERVED),
            config.seed,
        )
        self.model.compile(optimizer=make_optimizer(config, self.plan.steps * config.epochs))
        build(self.model, self.train)
        self.average = self.model.average = WeightAverage(
            self.model.trainable_variables,
            config.average_decay,
            every=int(np.clip(self.plan.steps // 10, 1, 10)),
        )
        parts = [self.train, *([self.dev] if self.dev else [])]
        identity = fingerprint(parts, self.model, self.encoder.vocabulary, config)
        self.state = TrainingState(self.model, self.average, identity)

    def fit(
        self, log: EpochLog, *, judge: Judge | None = None, last_epoch: int | None = None
    ) -> FittedTagger:
        """Go through the epochs, and return the one that is kept.

        judge: who says which that is, instead of the monitored value; last_epoch: where training
        ends, with the learning rates of one that goes on to the end.
        """
        config, state = self.config, self.state
        scores = DevScores(
            self.dev.batches(_DEV_BATCH) if self.dev else None,
            self.average,
            self.plan,
            config,
            state,
            judge,
        )
        if log.resumed is not None:
            state.load(log.resumed)
        self.model.fit(
            self.train.epochs(self.plan, parts=_parts(config), unknown_rate=config.unknown_rate),
            initial_epoch=state.epochs,
            epochs=state.epochs if state.stopped else last_epoch or config.epochs,
            verbose=0,
            callbacks=[
                scores,
                *([TimeLimit(log.deadline, state)] if log.deadline is not None else []),
                *(loggers(log.directory, resumed=state.epochs > 0) if log.directory else []),
                *([ProgressLine(self.tokens, config, state)] if judge is None else []),
                *([StateKeeper(state, log.state_file)] if log.state_file else []),
            ],
        )
        return self._fitted()

    def ended(self, file: Path) -> FittedTagger:
        """The tagger of a training like this one that ended, and whose state is in the file.

        Raises UsageError where that is of another.
        """
        try:
            self.state.load(file)
        except UsageError as error:  # the folder of all steps is what a person can remove
            raise UsageError(str(error).replace(str(file), str(file.parents[1]))) from error
        return self._fitted()

    def _fitted(self) -> FittedTagger:
        state = self.state
        self.model.set_weights(state.kept_weights)
        return FittedTagger(
            weights=self.model.tagger_weights(),
            encoder=self.encoder,
            tags=self.tags,
            history=state.history,
            kept_epoch=state.kept_epoch,
        )


def build(model: BiLSTMCRF, data: EncodedSentences) -> None:
    """Make the weights of a compiled model and its optimizer, by a look at one batch."""
    inputs, _ = next(iter(data.batches(1)))
    model(inputs)
    model.optimizer.build(model.trainable_variables)


def _parts(config: TrainingConfig) -> int:
    return int(np.clip(config.batch_size // _PART_SENTENCES, 1, os.cpu_count() or 1))


def _known(network: NetworkConfig) -> NetworkConfig:
    """The network with the name of its initializer as Keras spells it."""
    name = network.kernel_initializer
    kind = named("kernel_initializer", name, keras.initializers, keras.initializers.Initializer)
    is_spelt_so = hasattr(keras.initializers, name)
    return network if is_spelt_so else replace(network, kernel_initializer=kind.__name__)
