"""The Keras model: its emissions are those of extraction, and fitting learns and keeps the best."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from model.tagger.encoding import EncodedWords, WordEncoder
from model.tagger.vocabulary import RESERVED, Vocabulary
from model.tags import SCHEMES, TagSet, spans_of, tags_of
from model.text.segmentation import retokenize
from model.training.configuration import MONITORED, NetworkConfig, TrainingConfig
from schemas.errors import UsageError
from schemas.records import Floats, Ints

pytestmark = pytest.mark.training

SMALL = NetworkConfig(
    embedding_size=12, character_size=6, character_filters=8, casing_size=4, units=10, dropout=0.2
)
FAST = TrainingConfig(
    batch_size=8, epochs=2, learning_rate=0.02, unknown_rate=0.1, verbose=0, seed=3
)
WORDS = ["Lisbon", "the", "ship", "NATO", "3,000", "left", ".", "O'Neil", "électricité", "🚢"]
TAGS = TagSet(("geo", "per"))
ENCODER = WordEncoder(Vocabulary.of([*WORDS, *WORDS]))

PEOPLE, PLACES = ("Maria", "Rui", "Inês", "Tom"), ("Lisbon", "Porto", "Faro", "York")


def toy_corpus() -> tuple[list[list[str]], list[list[str]]]:
    """Sixteen sentences whose every entity the words around it give away."""
    words, tags = [], []
    for n, person in enumerate(PEOPLE):
        for place in PLACES:
            sentence = (
                [person, "Reis", "left", place, "."] if n % 2 else ["In", place, person, "sat"]
            )
            marks = {person: "B-per", "Reis": "I-per", place: "B-geo"}
            words.append(sentence)
            tags.append([marks.get(word, "O") for word in sentence])
    return words, tags


def keras_model(config: NetworkConfig, seed: int = 1, tags: TagSet = TAGS) -> Any:  # noqa: ANN401 - Keras has no types
    from model.training.keras_version import keras
    from model.training.network import BiLSTMCRF

    keras.utils.set_random_seed(seed)
    vocabulary = ENCODER.vocabulary
    words = len(vocabulary.words) + RESERVED
    vectors = np.random.default_rng(seed).normal(size=(words, 5)).astype(np.float32)
    # The last two words have a vector only.
    model = BiLSTMCRF(words - 2, len(vocabulary.characters) + RESERVED, tags, config, vectors)
    model(inputs_of(ENCODER.encode(WORDS), *ragged([1, 2])))
    random = np.random.default_rng(seed)
    # Biases and CRF scores start at 0: an error in them would not show.
    model.set_weights([random.normal(scale=0.3, size=w.shape) for w in model.get_weights()])
    return model


def ragged(lengths: list[int], seed: int = 0) -> tuple[Ints, Ints]:
    """Random positions in WORDS, padded with 0, and the lengths."""
    shape = (len(lengths), max(lengths))
    words = np.random.default_rng(seed).integers(0, len(WORDS), shape, np.int32)
    sizes = np.array(lengths, np.int32)
    return np.where(np.arange(shape[1]) < sizes[:, None], words, 0).astype(np.int32), sizes


def inputs_of(encoded: EncodedWords, words: Ints, lengths: Ints) -> dict[str, Ints]:
    return {**encoded._asdict(), "words": words, "lengths": lengths}


def emissions_of(model: Any, words: Ints, lengths: Ints) -> list[Floats]:  # noqa: ANN401
    padded = model(inputs_of(ENCODER.encode(WORDS), words, lengths)).numpy()
    return [row[:length] for row, length in zip(padded, lengths, strict=True)]


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, units=3, character_width=4)])
def test_the_extraction_graph_computes_what_keras_computes(config: NetworkConfig) -> None:
    """To 1e-5, for ragged batches with sentences of 1 to 130 tokens."""
    from model.tagger.emissions import EmissionGraph

    model = keras_model(config)
    graph = EmissionGraph(model.tagger_weights(), len(WORDS) + 5)
    # Rows stand where they were put, not where the words stand in the list.
    places = np.random.default_rng(5).permutation(len(WORDS) + 5).astype(np.int32)[: len(WORDS)]
    graph.store(ENCODER.encode(WORDS), places)
    for lengths in ([130, 64, 7, 1], [1], [5, 5]):
        words, sizes = ragged(lengths)
        ours = graph.emissions(places[words], sizes)
        theirs = np.concatenate(emissions_of(model, words, sizes))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_padding_and_companions_change_no_emission() -> None:
    model = keras_model(SMALL)
    words, sizes = ragged([130, 1, 9, 40])
    together = emissions_of(model, words, sizes)
    noise = np.where(np.arange(130) < sizes[:, None], words, 3).astype(np.int32)
    for found, expected in zip(emissions_of(model, noise, sizes), together, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    for row, size, expected in zip(words, sizes, together, strict=True):
        (alone,) = emissions_of(model, row[None, :size], np.array([size], np.int32))
        np.testing.assert_allclose(alone, expected, atol=1e-5)


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_exported_weights_forbid_what_the_tag_scheme_forbids(scheme: str) -> None:
    tags = TagSet(TAGS.labels, scheme)
    weights = keras_model(SMALL, tags=tags).tagger_weights()
    np.testing.assert_array_equal(np.isfinite(weights.start), tags.legal_start)
    np.testing.assert_array_equal(np.isfinite(weights.transitions), tags.legal_transition)
    np.testing.assert_array_equal(np.isfinite(weights.end), tags.legal_end)


@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_the_loss_leaves_illegal_sequences_no_probability(scheme: str, length: int) -> None:
    """Those that the scheme writes for some spans share all of it."""
    from model.training.network import CRF

    tags = TagSet(TAGS.labels, scheme)
    crf = CRF(tags)
    crf.build(None)
    random = np.random.default_rng(4)
    crf.set_weights([random.normal(size=w.shape) for w in crf.get_weights()])
    sequences = np.array(list(product(range(len(tags.tags)), repeat=length)), np.int32)
    emissions = random.normal(size=(1, length, len(tags.tags))).repeat(len(sequences), axis=0)

    losses = crf.negative_log_likelihood(
        emissions.astype(np.float32), sequences, {"lengths": np.full(len(sequences), length)}
    ).numpy()

    names = [[tags.tags[tag] for tag in sequence] for sequence in sequences]
    legal = np.array([tags_of(spans_of(written), length, scheme) == written for written in names])
    assert np.exp(-losses[legal]).sum() == pytest.approx(1, abs=1e-4)
    assert not np.exp(-losses[~legal]).any()


def fit(training: TrainingConfig, network: NetworkConfig = SMALL) -> Any:  # noqa: ANN401
    from model.corpora.tokenized import TokenizedSentences
    from model.training.fit import fit_tagger

    corpus = TokenizedSentences(*toy_corpus())
    return fit_tagger(corpus, corpus, network, training)


@pytest.mark.usefixtures("eager")
def test_fitting_learns_a_toy_corpus_by_heart_and_keeps_the_best_epoch() -> None:
    """Loss falls, F1 on the training sentences is 1.0, and extraction scores what Keras logged."""
    from model.evaluation.scoring import score_sentences
    from model.tagger.artifact import Artifact
    from model.tagger.tagger import Tagger
    from model.text.segmentation import Segmentation

    fitted = fit(replace(FAST, epochs=8, learning_rate=0.06))
    losses, f1 = fitted.history["loss"], fitted.history["val_f1"]
    assert losses[-1] < losses[0] / 5
    assert max(f1) == 1.0
    dev_losses = fitted.history["val_loss"]
    best = [n for n, value in enumerate(f1) if value == 1.0]
    assert fitted.kept_epoch == 1 + min(best, key=dev_losses.__getitem__)
    assert fitted.tags == TAGS
    artifact = Artifact(
        "toy", Segmentation(), fitted.encoder, fitted.tags, fitted.weights, {}, {}, {}
    )
    words, tags = toy_corpus()
    assert [retokenize(*pair)[0] for pair in zip(words, tags, strict=True)] == words
    assert score_sentences(Tagger(artifact), words, tags)[0].micro.f1 == 1.0


@pytest.mark.usefixtures("eager")
def test_the_seed_decides_the_weights() -> None:
    first, again, other = (
        fit(replace(FAST, epochs=1, seed=seed)).weights.arrays() for seed in (3, 3, 4)
    )
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)
    assert not np.array_equal(first["dense_kernel"], other["dense_kernel"])


@pytest.mark.parametrize(
    ("monitor", "mode", "values", "kept"),
    [
        ("val_f1", "max", [0.2, 0.7, 0.5, 0.7], 2),
        ("val_loss", "min", [9.0, 4.0, 3.0, 3.5], 3),
        ("val_f1", "min", [0.2, 0.1, 0.5, 0.3], 2),
        ("val_f1", "max", [0.0, 0.0, 0.0, 0.0], 1),
        ("val_f1", "auto", [0.2, 0.7, 0.5, 0.6], 2),
        ("val_loss", "auto", [9.0, 4.0, 3.0, 3.5], 3),
    ],
)
def test_the_monitored_value_decides_which_epoch_is_the_best(
    monitor: str, mode: str, values: list[float], kept: int
) -> None:
    """The first of the best ones, where the losses do not tell them apart."""
    from model.training.callbacks.dev_scores import best_epoch

    history = {"val_loss": [1.0] * len(values), monitor: values}
    assert best_epoch(history, replace(FAST, monitor=monitor, mode=mode)) == kept


def test_epochs_of_equal_f1_are_told_apart_by_their_loss() -> None:
    from model.training.callbacks.dev_scores import best_epoch

    history = {"val_f1": [0.5, 0.9, 0.9, 0.9, 0.8], "val_loss": [5.0, 4.0, 2.0, 3.0, 1.0]}
    assert best_epoch(history, FAST) == 3


@pytest.mark.parametrize(
    ("f1", "over"),
    [
        ([0.0, 0.0, 0.0, 0.0], False),  # nothing is found yet
        ([0.0, 0.0, 0.0, 0.2], False),
        ([0.0, 0.0, 0.2, 0.1], False),
        ([0.0, 0.2, 0.1, 0.1], True),
        ([0.2, 0.1, 0.2, 0.1], True),  # as good is no better
        ([0.2, 0.1, 0.3, 0.1], False),
    ],
)
def test_patience_counts_from_the_first_entity_that_is_found(f1: list[float], over: bool) -> None:
    from model.training.callbacks.dev_scores import judged

    history = {"val_f1": f1, "val_loss": [1.0] * len(f1)}
    assert judged(history, replace(FAST, patience=2)).is_last is over
    assert not judged(history, replace(FAST, patience=0)).is_last


@pytest.mark.usefixtures("eager")
def test_every_setting_of_the_recipe_is_accepted() -> None:
    """And every value that can be monitored is logged."""
    network = replace(SMALL, recurrent_dropout=0.1, kernel_initializer="he_normal")
    training = replace(
        FAST, epochs=1, optimizer="rmsprop", monitor="val_loss", mode="min", min_word_count=5
    )
    fitted = fit(training, network)
    assert fitted.kept_epoch == 1
    assert sorted(fitted.history) == list(MONITORED)
    assert np.isfinite(fitted.history["loss"]).all()
    assert np.isfinite(fitted.weights.lstm_recurrent).all()
    # Of `Reis` there are eight, of each name four.
    assert "reis" in fitted.encoder.vocabulary.words
    assert "maria" not in fitted.encoder.vocabulary.words


@pytest.mark.parametrize(
    ("training", "network", "message"),
    [
        (
            replace(FAST, optimizer="adamm"),
            SMALL,
            "--optimizer adamm: Keras knows no such optimizer, did you mean Adam?",
        ),
        (
            FAST,
            replace(SMALL, kernel_initializer="glorot"),
            "--kernel_initializer glorot: Keras knows no such initializer, "  # noqa: ISC004 - one
            "did you mean glorot_normal?",
        ),
    ],
)
def test_a_name_that_keras_does_not_know_is_a_usage_error(
    training: TrainingConfig, network: NetworkConfig, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        fit(training, network)
    assert str(caught.value) == message


def test_a_value_that_is_never_logged_cannot_be_monitored() -> None:
    """Keras would warn after each epoch, and keep the last one."""
    with pytest.raises(UsageError, match="--monitor is val_accuracy, expected one of loss, val_f1"):
        replace(FAST, monitor="val_accuracy")
