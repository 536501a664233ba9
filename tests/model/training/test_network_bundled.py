"""The bundled model in Keras and in the extraction graph: the same tags on GMB dev."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.corpora import read_labelled
from model.tagger.artifact import Artifact, find_artifact, load_artifact, read_files
from model.tagger.crf import decode
from model.tagger.padding import WINDOW_TOKENS, pad_documents
from model.text.segmentation import TokenStyle, document_of_words, retokenize
from model.training.configuration import NetworkConfig

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return load_artifact(read_files(find_artifact("gmb-en")), "gmb-en")


def keras_model(artifact: Artifact) -> Any:  # noqa: ANN401 - Keras has no types
    """The Keras network with the artifact's weights."""
    from model.training.network import BiLSTMCRF

    config = NetworkConfig(**artifact.training["network"])
    weights = artifact.weights
    model = BiLSTMCRF(
        len(weights.words), len(weights.characters), artifact.tags, config, weights.vectors
    )
    encoded = artifact.encoder.encode(["a"])
    words = np.zeros((1, 1), np.int32)
    model({**encoded._asdict(), "words": words, "lengths": np.array([1], np.int32)})
    features, lstm = model.word_features, model.bilstm
    features.embedding.embeddings.assign(weights.words)
    features.casing.embeddings.assign(weights.casing)
    features.characters.set_weights(
        [weights.characters, weights.convolution_kernel, weights.convolution_bias]
    )
    lstm.set_weights([weights.lstm_kernel, weights.lstm_recurrent, weights.lstm_bias])
    model.dense.layer.set_weights([weights.dense_kernel, weights.dense_bias])
    return model


def sentences(path: Path, style: TokenStyle) -> Iterator[list[str]]:
    for sentence in read_labelled(str(path)).sentences:
        yield retokenize(sentence.words, sentence.tags, style)[0]


@pytest.mark.parametrize("nth", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_keras_and_the_extraction_graph_agree_on_every_tag(
    artifact: Artifact, shared_data: Path, nth: int
) -> None:
    """Of every so manyth sentence."""
    from model.tagger.tagger import Tagger

    # Keras knows of no temperature: that is fitted afterwards.
    model, tagger = keras_model(artifact), Tagger(replace(artifact, temperature=1.0))
    ordered = sorted(
        sentences(shared_data / "gmb" / "dev.csv", artifact.segmentation.tokens), key=len
    )[::nth]
    potentials = artifact.weights.potentials()
    tokens, furthest = 0, 0.0
    for first in range(0, len(ordered), 500):
        group = [words for words in ordered[first : first + 500] if len(words) <= WINDOW_TOKENS]
        distinct = {word: n for n, word in enumerate(sorted(set().union(*group)))}
        lengths = np.array([len(words) for words in group], np.int32)
        padded = np.zeros((len(group), lengths.max()), np.int32)
        for row, words in zip(padded, group, strict=True):
            row[: len(words)] = [distinct[word] for word in words]
        encoded = artifact.encoder.encode(list(distinct))
        inputs = {**encoded._asdict(), "words": padded, "lengths": lengths}
        theirs = model(inputs, training=False).numpy()[
            np.arange(lengths.max()) < lengths[:, None]
        ]  # (token, tag)
        ours = tagger.emit(pad_documents([document_of_words(words) for words in group])).emissions
        furthest = max(furthest, float(np.abs(ours - theirs).max()))
        np.testing.assert_array_equal(
            decode(potentials, ours, lengths), decode(potentials, theirs, lengths)
        )
        tokens += len(ours)
    assert tokens > 100_000 / nth
    assert furthest < 1e-4  # of emissions up to 30, after sums of 200 products
