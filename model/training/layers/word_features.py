"""What the network knows of a word by itself: embedding, pretrained vector, characters, casing."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from model.tagger.encoding import CASINGS
from model.tagger.vocabulary import UNKNOWN
from model.training.configuration import NetworkConfig
from model.training.keras_version import layers
from model.training.layers.random_draws import Draws
from schemas.records import Floats

Inputs = Mapping[str, tf.Tensor]


class CharacterCNN(layers.Layer):
    """Characters of distinct words (word, character) -> their features (word, filters).

    Convolution with ReLU, then the largest value over the word (Ma and Hovy 2016, section 2.1).
    Padding is zero to the convolution and takes no part in the maximum.
    """

    def __init__(self, characters: int, config: NetworkConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.characters = characters
        self.config = config

    def build(self, input_shape: tf.TensorShape) -> None:
        config = self.config
        self.embeddings = self.add_weight(
            "embeddings", (self.characters, config.character_size), initializer="uniform"
        )
        self.kernel = self.add_weight(
            "kernel",
            (config.character_width, config.character_size, config.character_filters),
            initializer=config.kernel_initializer,
        )
        self.bias = self.add_weight("bias", (config.character_filters,), initializer="zeros")
        super().build(input_shape)

    def call(self, characters: tf.Tensor) -> tf.Tensor:
        width, size, filters = self.kernel.shape
        longest = tf.shape(characters)[1]
        # Characters are shifted as numbers, then looked up: as one product, a convolution with
        # its gradients takes a third of what TensorFlow's own takes on a CPU.
        left = (width - 1) // 2
        padded = tf.pad(characters, [[0, 0], [left, width - 1 - left]])
        shifted = tf.stack([padded[:, k : k + longest] for k in range(width)], axis=-1)
        table = tf.concat([tf.zeros([1, size]), self.embeddings[1:]], axis=0)
        columns = tf.reshape(tf.gather(table, shifted), [-1, width * size])
        features = tf.matmul(columns, tf.reshape(self.kernel, [-1, filters])) + self.bias
        # ReLU is never negative, so a padded position that is set to 0 cannot win.
        present = tf.cast(characters > 0, tf.float32)[:, :, None]
        features = tf.nn.relu(tf.reshape(features, [-1, longest, filters])) * present
        return tf.reduce_max(features, axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "characters": self.characters}


class WordFeatures(layers.Layer):
    """Distinct words -> (word, feature): embedding, vector, characters, casing, in this order.

    words: rows of the trained embedding; a word id beyond them is a word that only the vectors
    know, and shares the embedding of the unknown word. vectors: (word id, dimension), not trained.
    """

    def __init__(
        self, words: int, characters: int, vectors: Floats, config: NetworkConfig, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.words = words
        self.vectors = tf.constant(vectors)
        self.word_dropout = config.word_dropout
        self.embedding = layers.Embedding(words, config.embedding_size, name="words")
        self.characters = CharacterCNN(characters, config, name="characters")
        self.casing = layers.Embedding(CASINGS, config.casing_size, name="casing")

    def call(self, inputs: Inputs, draws: Draws | None = None) -> tf.Tensor:
        """`draws` makes it training: words are then read as unknown now and then."""
        trained = inputs["word_ids"]
        known = trained
        if draws is not None:
            if "unknown_rate" in inputs:
                trained = draws.replaced(trained, inputs["unknown_rate"], UNKNOWN)
            lost = draws.uniform(tf.shape(known)) < self.word_dropout
            trained, known = (tf.where(lost, UNKNOWN, ids) for ids in (trained, known))
        features = [
            self.embedding(tf.where(trained < self.words, trained, UNKNOWN)),
            self.characters(inputs["characters"]),
            self.casing(inputs["casing"]),
        ]
        if self.vectors.shape[1]:
            features.insert(1, tf.gather(self.vectors, known))
        return tf.concat(features, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "words": self.words}
