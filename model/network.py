"""The Keras model: Embedding -> Bidirectional LSTM -> TimeDistributed Dense -> CRF."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from model.configuration import NetworkConfig
from model.crf_likelihood import ILLEGAL, log_likelihood
from model.encoding import CASINGS
from model.tags import TagSet
from model.weights import Floats, TaggerWeights

Inputs = Mapping[str, tf.Tensor]


class CharacterCNN(layers.Layer):
    """Characters of distinct words (word, character) -> their features (word, filters).

    Convolution with ReLU, then the largest value over the word (Ma and Hovy 2016, section 2.1).
    Padding is zero to the convolution and takes no part in the maximum.
    """

    def __init__(self, characters: int, config: NetworkConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embedding = layers.Embedding(characters, config.character_size, name="embedding")
        self.convolution = layers.Conv1D(
            config.character_filters,
            config.character_width,
            padding="same",
            activation="relu",
            kernel_initializer=config.kernel_initializer,
            name="convolution",
        )
        self.config = {"characters": characters, **asdict(config)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.config}

    def call(self, characters: tf.Tensor) -> tf.Tensor:
        present = tf.cast(characters > 0, tf.float32)[:, :, None]
        features = self.convolution(self.embedding(characters) * present)
        # ReLU is never negative, so a padded position that is set to 0 cannot win.
        return tf.reduce_max(features * present, axis=1)


class CRF(layers.Layer):
    """Start, transition and end scores with what the tag scheme forbids masked out."""

    def __init__(self, tags: TagSet, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tags = tags

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "labels": list(self.tags.labels)}

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
        self, emissions: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor
    ) -> tf.Tensor:
        """Loss of each sentence, (batch,)."""
        return -log_likelihood(
            emissions,
            tags,
            lengths,
            tf.where(self.tags.legal_start, self.start, ILLEGAL),
            tf.where(self.tags.legal_transition, self.transitions, ILLEGAL),
            tf.where(self.tags.legal_end, self.end, ILLEGAL),
        )


class BiLSTMCRF(keras.Model):
    """Emissions of padded sentences; its loss is the CRF's, whatever `compile` is given.

    Inputs: `word_ids`, `casing` (word,) and `characters` (word, character) of the distinct words
    of a batch; `words` (batch, time), positions in them; `lengths` (batch,).
    Output: emissions (batch, time, tag). Targets: tag ids (batch, time), 0 as padding.
    """

    def __init__(
        self, words: int, characters: int, tags: TagSet, config: NetworkConfig, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = {"words": words, "characters": characters}
        self.config = config
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.word_embedding = layers.Embedding(words, config.embedding_size, name="words")
        self.characters = CharacterCNN(characters, config, name="characters")
        self.casing_embedding = layers.Embedding(CASINGS, config.casing_size, name="casing")
        # One mask for all time steps of a sentence (Gal and Ghahramani 2016).
        self.input_dropout = layers.SpatialDropout1D(config.dropout, name="input_dropout")
        self.bilstm = layers.Bidirectional(
            layers.LSTM(
                config.units,
                return_sequences=True,
                recurrent_dropout=config.recurrent_dropout,
                kernel_initializer=config.kernel_initializer,
            ),
            name="bilstm",
        )
        self.output_dropout = layers.SpatialDropout1D(config.dropout, name="output_dropout")
        self.dense = layers.TimeDistributed(
            layers.Dense(len(tags.tags), kernel_initializer=config.kernel_initializer),
            name="dense",
        )
        self.crf = CRF(tags, name="crf")

    def call(self, inputs: Inputs, training: bool | None = None) -> tf.Tensor:
        features = tf.concat(
            [
                self.word_embedding(inputs["word_ids"]),
                self.characters(inputs["characters"]),
                self.casing_embedding(inputs["casing"]),
            ],
            axis=-1,
        )  # (word, feature)
        sequence = tf.gather(features, inputs["words"])  # (batch, time, feature)
        sequence = self.input_dropout(sequence, training=training)
        mask = tf.sequence_mask(inputs["lengths"], tf.shape(sequence)[1])
        hidden = self.bilstm(sequence, mask=mask, training=training)  # (batch, time, 2 * units)
        hidden = self.output_dropout(hidden, training=training)
        return self.crf(self.dense(hidden))

    def compute_loss(
        self,
        x: Inputs | None = None,
        y: tf.Tensor | None = None,
        y_pred: tf.Tensor | None = None,
        sample_weight: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Mean negative log-likelihood of the batch's sentences."""
        if x is None or y_pred is None:
            raise ValueError("the CRF's loss needs the lengths in x, and the emissions in y_pred")
        losses = self.crf.negative_log_likelihood(y_pred, y, x["lengths"])
        self.loss_tracker.update_state(losses)
        return tf.reduce_mean(losses)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.loss_tracker, *super().metrics]

    def compute_metrics(
        self, x: Inputs, y: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None
    ) -> dict[str, tf.Tensor]:
        logs: dict[str, tf.Tensor] = super().compute_metrics(x, y, y_pred, sample_weight)
        return {**logs, "loss": self.loss_tracker.result()}

    def get_config(self) -> dict[str, Any]:
        return {**self.sizes, "labels": list(self.crf.tags.labels), **asdict(self.config)}

    def tagger_weights(self) -> TaggerWeights:
        """The weights as plain arrays: all that extraction needs."""
        forward, backward = self.bilstm.forward_layer, self.bilstm.backward_layer
        tags = self.crf.tags

        def masked(scores: tf.Variable, legal: NDArray[np.bool_]) -> Floats:
            return np.where(legal, scores.numpy(), -np.inf).astype(np.float32)

        dense_kernel, dense_bias = (w.numpy() for w in self.dense.layer.weights)
        kernel, bias = (w.numpy() for w in self.characters.convolution.weights)
        return TaggerWeights(
            words=self.word_embedding.embeddings.numpy(),
            casing=self.casing_embedding.embeddings.numpy(),
            characters=self.characters.embedding.embeddings.numpy(),
            convolution_kernel=kernel,
            convolution_bias=bias,
            lstm_kernel=np.stack([forward.cell.kernel.numpy(), backward.cell.kernel.numpy()]),
            lstm_recurrent=np.stack(
                [forward.cell.recurrent_kernel.numpy(), backward.cell.recurrent_kernel.numpy()]
            ),
            lstm_bias=np.stack([forward.cell.bias.numpy(), backward.cell.bias.numpy()]),
            dense_kernel=dense_kernel,
            dense_bias=dense_bias,
            start=masked(self.crf.start, tags.legal_start),
            transitions=masked(self.crf.transitions, tags.legal_transition),
            end=masked(self.crf.end, tags.legal_end),
        )
