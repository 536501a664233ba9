"""Fitting a tagger the Keras way: compile, callbacks, fit, and the best epoch kept."""

import math
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
from model.training.phases import Phase, phases_of
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
        # Those that only the first epochs go through come last.
        silver = sorted(silver, key=lambda part: not part.as_gold)
        others = sum(len(part) for part in silver if not part.as_gold)
        texts = [*train.words, *(words for part in silver for words in part.words)]
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

        self.model = BiLSTMCRF(
            len(seen.words) + RESERVED,
            len(seen.characters) + RESERVED,
            self.tags,
            network,
            vectors.table(words, RESERVED),
            config.seed,
        )
        self.phases = phases_of(config, len(self.train.lengths) - others, others)
        self._enter(self.phases[0])
        parts = [self.train, *([self.dev] if self.dev else [])]
        identity = fingerprint(parts, self.model, self.encoder.vocabulary, config)
        self.state = TrainingState(self.model, self.average, identity)

    @property
    def silver_epochs(self) -> int:
        """How many epochs go through all silver, the first ones."""
        return self.phases[-1].epochs.start

    @property
    def epoch_tokens(self) -> list[int]:
        """Tokens that each epoch goes through."""
        lengths = self.train.lengths
        return [
            int(lengths[: phase.sentences].sum()) for phase in self.phases for _ in phase.epochs
        ]

    def fit(
        self, log: EpochLog, *, judge: Judge | None = None, last_epoch: int | None = None
    ) -> FittedTagger:
        """Go through the epochs, and return the one that is kept.

        judge: who says which that is, instead of the monitored value; last_epoch: where training
        ends, with the learning rates of one that goes on to the end.
        """
        state = self.state
        if log.resumed is not None:
            state.load(log.resumed)
        for phase in self.phases:
            if state.stopped or state.epochs >= min(phase.epochs.stop, last_epoch or math.inf):
                continue
            if phase is not self.phases[0]:
                self.average.settle()
                self._enter(phase)
                state.average = self.average
                if state.epochs > phase.epochs.start and log.resumed is not None:
                    state.load(log.resumed)  # into what belongs to this phase
            self._go_through(phase, log, judge, last_epoch)
        return self._fitted()

    def _enter(self, phase: Phase) -> None:
        """Make what a phase starts with: its batches, an optimizer and an average."""
        config = replace(self.config, learning_rate=phase.learning_rate)
        self.plan = EpochPlan(self.train.lengths[: phase.sentences], phase.batch_size, config.seed)
        self.model.compile(optimizer=make_optimizer(config, self.plan.steps * len(phase.epochs)))
        build(self.model, self.train)
        self.average = self.model.average = WeightAverage(
            self.model.trainable_variables,
            config.average_decay,
            every=int(np.clip(self.plan.steps // 10, 1, 10)),
        )

    def _go_through(
        self, phase: Phase, log: EpochLog, judge: Judge | None, last_epoch: int | None
    ) -> None:
        config, state, tokens = self.config, self.state, self.epoch_tokens[:last_epoch]
        scores = DevScores(
            self.dev.batches(_DEV_BATCH) if self.dev else None,
            self.average,
            self.plan,
            config,
            state,
            judge,
            self.silver_epochs,
        )
        self.model.fit(
            self.train.epochs(
                self.plan, parts=_parts(phase.batch_size), unknown_rate=config.unknown_rate
            ),
            initial_epoch=state.epochs,
            epochs=min(phase.epochs.stop, last_epoch or phase.epochs.stop),
            verbose=0,
            callbacks=[
                scores,
                *([TimeLimit(log.deadline, state)] if log.deadline is not None else []),
                *(loggers(log.directory, resumed=state.epochs > 0) if log.directory else []),
                *([ProgressLine(tokens, config, state)] if judge is None else []),
                *([StateKeeper(state, log.state_file)] if log.state_file else []),
            ],
        )

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


def _parts(batch_size: int) -> int:
    return int(np.clip(batch_size // _PART_SENTENCES, 1, os.cpu_count() or 1))


def _known(network: NetworkConfig) -> NetworkConfig:
    """The network with the name of its initializer as Keras spells it."""
    name = network.kernel_initializer
    kind = named("kernel_initializer", name, keras.initializers, keras.initializers.Initializer)
    is_spelt_so = hasattr(keras.initializers, name)
    return network if is_spelt_so else replace(network, kernel_initializer=kind.__name__)
