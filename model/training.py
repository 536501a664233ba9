"""Fitting a tagger the Keras way: compile, callbacks, fit, and the best epoch kept."""

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from model import crf
from model.configuration import NetworkConfig, TrainingConfig
from model.encoding import WordEncoder
from model.metrics import EntityScores, entity_scores
from model.network import BiLSTMCRF
from model.tags import Span, TagSet, spans_of
from model.training_data import EncodedSentences, TokenizedSentences, sentences_of, unpadded
from model.vocabulary import RESERVED, Vocabulary
from model.weights import TaggerWeights
from schemas.errors import UsageError
from schemas.records import Ints


@dataclass(frozen=True, eq=False)
class FittedTagger:
    """The weights of the kept epoch, what they were trained with, and the learning curves."""

    weights: TaggerWeights
    encoder: WordEncoder
    tags: TagSet
    history: Mapping[str, list[float]]
    kept_epoch: int  # from 1


class EntityScoreCallback(keras.callbacks.Callback):
    """Adds `val_precision`, `val_recall` and `val_f1` of whole entities to an epoch's logs.

    It stands first among the callbacks, so that a checkpoint can monitor what it adds.
    """

    def __init__(self, dev: tf.data.Dataset, tags: TagSet) -> None:
        super().__init__()
        self.dev = dev
        self.tags = tags

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # One function for all epochs: tracing the network takes seconds.
        self._emit = tf.function(
            lambda inputs: self.model(inputs, training=False), reduce_retracing=True
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        micro = self.score().micro
        if logs is not None:
            logs |= {"val_precision": micro.precision, "val_recall": micro.recall}
            logs["val_f1"] = micro.f1

    def score(self) -> EntityScores:
        """Strict entity scores of the model as it stands."""
        potentials = self.model.tagger_weights().potentials()
        gold: list[list[Span]] = []
        found: list[list[Span]] = []
        for inputs, tags in self.dev:
            lengths = inputs["lengths"].numpy()
            emissions = unpadded(self._emit(inputs).numpy(), lengths)
            decoded = crf.decode(potentials, emissions, lengths)
            gold += self._spans(unpadded(tags.numpy(), lengths), lengths)
            found += self._spans(decoded, lengths)
        return entity_scores(gold, found)

    def _spans(self, tags: Ints, lengths: Ints) -> list[list[Span]]:
        names = self.tags.tags
        return [spans_of([names[t] for t in sentence]) for sentence in sentences_of(tags, lengths)]


def fit_tagger(
    train: TokenizedSentences,
    dev: TokenizedSentences,
    network: NetworkConfig,
    config: TrainingConfig,
) -> FittedTagger:
    """Train on `train`, keep the epoch that does best on `dev` by the monitored value.

    Vocabulary and tags come from `train` alone. The same seed gives the same weights on the same
    machine.
    """
    _require_initializer(network)
    keras.utils.set_random_seed(config.seed)
    tags = TagSet.from_tags(train.tags)
    vocabulary = Vocabulary.of(
        (word for words in train.words for word in words), min_count=config.min_word_count
    )
    encoder = WordEncoder(vocabulary)
    train_data = EncodedSentences.of(train, encoder, tags)
    dev_data = EncodedSentences.of(dev, encoder, tags).batches(max(config.batch_size, 128))

    model = BiLSTMCRF(
        len(vocabulary.words) + RESERVED, len(vocabulary.characters) + RESERVED, tags, network
    )
    model.compile(optimizer=_optimizer(config, len(train)))
    with tempfile.TemporaryDirectory(prefix="gleaner-train-") as scratch:
        checkpoint = Checkpoint(scratch, config)
        history = model.fit(
            train_data.batches(
                config.batch_size, shuffle_seed=config.seed, unknown_rate=config.unknown_rate
            ),
            validation_data=dev_data,
            epochs=config.epochs,
            verbose=config.verbose,
            callbacks=[EntityScoreCallback(dev_data, tags), checkpoint],
        )
        if checkpoint.kept is not None:
            model.load_weights(checkpoint.path)
    return FittedTagger(
        weights=model.tagger_weights(),
        encoder=encoder,
        tags=tags,
        history={name: [float(v) for v in values] for name, values in history.history.items()},
        kept_epoch=(config.epochs - 1 if checkpoint.kept is None else checkpoint.kept) + 1,
    )


class Checkpoint(keras.callbacks.ModelCheckpoint):
    """Keras's ModelCheckpoint that remembers which epoch it saved last."""

    def __init__(self, directory: str, config: TrainingConfig) -> None:
        self.path = str(Path(directory, "kept.weights.h5"))
        super().__init__(
            self.path,
            monitor=config.monitor,
            mode=config.best,
            save_best_only=config.save_best_only,
            save_weights_only=True,
        )
        self.kept: int | None = None

    def _save_model(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        best = self.best
        super()._save_model(epoch, batch, logs)
        if not self.save_best_only or self.best != best:
            self.kept = epoch


def _require_initializer(network: NetworkConfig) -> None:
    try:
        keras.initializers.get(network.kernel_initializer)
    except ValueError as error:
        raise UsageError(
            f"--kernel_initializer {network.kernel_initializer}: Keras knows no such initializer"
        ) from error


def _optimizer(config: TrainingConfig, sentences: int) -> keras.optimizers.Optimizer:
    steps = config.epochs * math.ceil(sentences / config.batch_size)
    rate = config.learning_rate
    try:
        optimizer = keras.optimizers.get(
            {
                "class_name": config.optimizer,
                "config": {
                    # Falling to a tenth by the last step: the late epochs then refine.
                    "learning_rate": keras.optimizers.schedules.PolynomialDecay(
                        rate, steps, end_learning_rate=rate / 10
                    ),
                    "clipnorm": config.clipnorm,
                },
            }
        )
    except ValueError as error:
        raise UsageError(
            f"--optimizer {config.optimizer}: Keras knows no such optimizer"
        ) from error
    # XLA would compile the sparse update of the embeddings anew for every number of distinct words.
    optimizer.jit_compile = False
    return optimizer
