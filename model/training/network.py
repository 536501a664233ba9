"""The Keras model: Embedding -> Bidirectional LSTM -> TimeDistributed Dense -> CRF."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.tagger.weights import TaggerWeights
from model.tags import TagSet
from model.training.averaging import WeightAverage
from model.training.configuration import NetworkConfig
from model.training.keras_version import keras, layers
from model.training.layers.bilstm import BiLSTM
from model.training.layers.crf_likelihood import (
    ILLEGAL,
    log_likelihood,
    silver_log_likelihood,
)
from model.training.layers.random_draws import Draws
from model.training.layers.word_features import Inputs, WordFeatures
from schemas.records import Floats


class CRF(layers.Layer):
    """Start, transition and end scores with what the tag scheme forbids masked out."""

    def __init__(self, tags: TagSet, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tags = tags

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **asdict(self.tags)}

    def build(self, input_shape: tf.TensorShape) -> None:
        count = len(self.tags.tags)
        self.start = self.add_weight("start", (count,), initializer="zeros")
        self.transitions = self.add_weight("transitions", (count, count), initializer="zeros")
        self.end = self.add_weight("end", (count,), initializer="zeros")
        super().build(input_shape)

    def call(self, emissions: tf.Tensor) -> tf.Tensor:
        """Emissions pass through: scoring and decoding look at them together with the weights."""
        return emissions

    def negative_log_likelihood(
        self, emissions: tf.Tensor, tags: tf.Tensor, inputs: Inputs
    ) -> tf.Tensor:
        """Loss of each sentence, (batch,)."""
        scores = (
            inputs["lengths"],
            tf.where(self.tags.legal_start, self.start, ILLEGAL),
            tf.where(self.tags.legal_transition, self.transitions, ILLEGAL),
            tf.where(self.tags.legal_end, self.end, ILLEGAL),
        )
        if "weight" not in inputs:
            return -log_likelihood(emissions, tags, *scores)
        likelihood = silver_log_likelihood(
            emissions, inputs["possible"], inputs["certainty"], *scores
        )
        return -inputs["weight"] * likelihood


StepPart = tuple[Inputs, tf.Tensor]


class BiLSTMCRF(keras.Model):
    """Emissions of padded sentences; its loss is the CRF's, whatever `compile` is given.

    Inputs: `word_ids`, `casing` (word,) and `characters` (word, character) of the distinct words
    of a batch; `words` (batch, time), positions in them; `lengths` (batch,); in training also
    `unknown_rate` (word,), and with silver labels `possible` (batch, time, tag), `certainty`
    (batch, time) and `weight` (batch,). Output: emissions (batch, time, tag). Targets: tag ids
    (batch, time), 0 as padding.

    `fit` takes batches in parts, `((inputs, tags), ...)`: the parts of a step run side by side,
    each on a thread of its own, which a CPU rewards more than threads within one operation.
    vectors: (word id, dimension), pretrained and not trained further.
    """

    def __init__(
        self,
        words: int,
        characters: int,
        tags: TagSet,
        config: NetworkConfig,
        vectors: Floats,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = {"words": words, "characters": characters}
        self.config = config
        self.seed = seed
        self.average: WeightAverage | None = None
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.word_features = WordFeatures(words, characters, vectors, config, name="words")
        self.bilstm = BiLSTM(config.units, config.kernel_initializer, name="bilstm")
        self.dense = layers.TimeDistributed(
            layers.Dense(len(tags.tags), kernel_initializer=config.kernel_initializer),
            name="dense",
        )
        self.crf = CRF(tags, name="crf")

    def call(self, inputs: Inputs, draws: Draws | None = None) -> tf.Tensor:
        """`draws` makes it training, with dropout."""
        config = self.config
        features = self.word_features(inputs, draws=draws)  # (word, feature)
        batch = tf.shape(inputs["words"])[0]
        recurrent_mask = None
        if draws is not None:
            # A word keeps its mask wherever it stands in the batch, so that the input projection
            # is still computed once for each distinct word.
            features *= draws.mask(tf.shape(features), config.input_dropout)
            if config.recurrent_dropout:
                # One mask for all time steps of a sentence (Gal and Ghahramani 2016).
                recurrent_mask = draws.mask([2, batch, config.units], config.recurrent_dropout)
        hidden = self.bilstm(features, inputs["words"], inputs["lengths"], recurrent_mask)
        if draws is not None:
            hidden *= draws.mask([batch, 1, 2 * config.units], config.dropout)
        return self.crf(self.dense(hidden))  # (batch, time, tag)

    def train_step(self, parts: Sequence[StepPart]) -> dict[str, tf.Tensor]:
        """One step of the optimizer on the mean loss of all the parts' sentences."""
        with tf.GradientTape() as tape:
            losses = []
            for number, (inputs, tags) in enumerate(parts):
                draws = Draws(self.seed, self.optimizer.iterations, number)
                losses.append(self.losses(inputs, tags, self(inputs, draws=draws)))
            loss = tf.reduce_mean(tf.concat(losses, axis=0))
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        if self.average is not None:
            self.average.update(self.optimizer.iterations)
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    def losses(self, inputs: Inputs, tags: tf.Tensor, emissions: tf.Tensor) -> tf.Tensor:
        """Negative log-likelihood of each sentence, (batch,)."""
        return self.crf.negative_log_likelihood(emissions, tags, inputs)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.loss_tracker]

    def get_config(self) -> dict[str, Any]:
        return {**self.sizes, **asdict(self.crf.tags), **asdict(self.config)}

    def tagger_weights(self) -> TaggerWeights:
        """The weights as plain arrays: all that extraction needs."""
        words, lstm, tags = self.word_features, self.bilstm, self.crf.tags

        def masked(scores: tf.Variable, legal: NDArray[np.bool_]) -> Floats:
            return np.where(legal, scores.numpy(), -np.inf).astype(np.float32)

        dense_kernel, dense_bias = (w.numpy() for w in self.dense.layer.weights)
        return TaggerWeights(
            words=words.embedding.embeddings.numpy(),
            vectors=words.vectors.numpy(),
            casing=words.casing.embeddings.numpy(),
            characters=words.characters.embeddings.numpy(),
            convolution_kernel=words.characters.kernel.numpy(),
            convolution_bias=words.characters.bias.numpy(),
            lstm_kernel=lstm.kernel.numpy(),
            lstm_recurrent=lstm.recurrent.numpy(),
            lstm_bias=lstm.bias.numpy(),
            dense_kernel=dense_kernel,
            dense_bias=dense_bias,
            start=masked(self.crf.start, tags.legal_start),
            transitions=masked(self.crf.transitions, tags.legal_transition),
            end=masked(self.crf.end, tags.legal_end),
        )
