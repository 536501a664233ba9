"""Folds that are trained side by side: each as it would be alone, one verdict for all of them."""

import re
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model.corpora.tokenized import TokenizedSentences
from model.training.configuration import EpochLog, NetworkConfig, Step, TrainingConfig
from schemas.errors import JobError

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("all_eager")]

NETWORK = NetworkConfig(
    embedding_size=6, character_size=4, character_filters=4, casing_size=3, units=5
)
CONFIG = TrainingConfig(batch_size=4, epochs=3, learning_rate=0.03, verbose=0, seed=9)
PEOPLE, PLACES = ("Maria", "Rui", "Tom", "Eva"), ("Lisbon", "Porto", "Faro")
FOLDS = [0, 1, 2] * 4
SHOWN = ("loss", "val_loss", "val_f1")


def corpus() -> TokenizedSentences:
    words = [[person, "left", place, "."] for person in PEOPLE for place in PLACES]
    marks = dict.fromkeys(PEOPLE, "B-per") | dict.fromkeys(PLACES, "B-geo")
    return TokenizedSentences(words, [[marks.get(word, "O") for word in s] for s in words])


def crossed(config: TrainingConfig, **more: Any) -> Any:  # noqa: ANN401
    from model.training.cross_validation import cross_validate

    return cross_validate(corpus(), FOLDS, NETWORK, config, **more)


@pytest.fixture(scope="module")
def found(all_eager: None) -> Any:  # noqa: ANN401
    """A cross-validation that goes through all epochs."""
    return crossed(CONFIG)


def weights_of(fitted: Any) -> dict[str, Any]:  # noqa: ANN401
    return {name: getattr(fitted.weights, name) for name in fitted.weights.__slots__}


def require_same(one: Any, other: Any) -> None:  # noqa: ANN401
    """Two taggers have the same weights."""
    for name, values in weights_of(one).items():
        np.testing.assert_array_equal(values, weights_of(other)[name])


def test_each_fold_is_trained_as_it_would_be_alone_and_scored_on_the_rest(
    found: Any,  # noqa: ANN401
) -> None:
    """For as many epochs as are best for all; the scores of all sentences are taken together."""
    from model.training.fit import Training

    assert [fitted.kept_epoch for fitted in found.taggers] == [found.best_epoch] * 3
    assert len(found.history["val_f1"]) == CONFIG.epochs
    assert found.history["val_loss"][-1] < found.history["val_loss"][0]
    for fold, (fitted, held) in enumerate(zip(found.taggers, found.held_out, strict=True)):
        others = [number != fold for number in FOLDS]
        assert held == corpus().where([not other for other in others])
        alone = Training(corpus().where(others), held, NETWORK, CONFIG)
        same = alone.fit(EpochLog(), last_epoch=found.best_epoch)
        assert fitted.history["val_loss"][: found.best_epoch] == same.history["val_loss"]
        assert fitted.encoder.vocabulary == same.encoder.vocabulary
    means = np.mean([fitted.history["val_loss"] for fitted in found.taggers], axis=0)
    np.testing.assert_allclose(found.history["val_loss"], means, rtol=1e-6)  # folds of equal size


def test_the_same_seed_gives_the_same_folds_and_the_same_final_weights(
    found: Any,  # noqa: ANN401
) -> None:
    """The final ones are those of a training on all for as many epochs."""
    from model.training.cross_validation import fit_after_folds
    from model.training.fit import Training
    from model.training.word_vectors import NO_VECTORS

    fitted, judged = fit_after_folds(corpus(), FOLDS, NETWORK, CONFIG, NO_VECTORS, EpochLog())
    for (mine, held), its, part in zip(judged, found.taggers, found.held_out, strict=True):
        assert held == part
        assert mine.history == its.history
        require_same(mine, its)
    alone = Training(corpus(), None, NETWORK, CONFIG)
    require_same(fitted, alone.fit(EpochLog(), last_epoch=found.best_epoch))
    assert fitted.history == found.history
    assert fitted.kept_epoch == found.best_epoch
    seen = {word for words in corpus().words for word in words}
    assert len(fitted.encoder.vocabulary.words) == len(seen)


def test_patience_and_time_end_all_of_them_together(capsys: pytest.CaptureFixture[str]) -> None:
    """A line tells of each epoch."""
    worse = replace(
        CONFIG, epochs=40, learning_rate=0.1, monitor="val_loss", mode="max", patience=2
    )
    ended = crossed(worse)
    assert len(ended.history["loss"]) < 40
    assert {len(fitted.history["loss"]) for fitted in ended.taggers} == {len(ended.history["loss"])}
    assert capsys.readouterr().out == ""
    late = crossed(replace(CONFIG, epochs=40, verbose=2), step=Step(time.monotonic()))
    assert {len(fitted.history["loss"]) for fitted in late.taggers} == {1}
    (line,) = capsys.readouterr().out.splitlines()
    values = "  ".join(f"{name} {late.history[name][0]:.4f}" for name in SHOWN)
    assert re.fullmatch(rf"3 folds, epoch  1/40  {re.escape(values)} \*  ETA \d+:\d\d", line)


def test_a_fold_that_fails_ends_all_with_its_error() -> None:
    with pytest.raises(JobError, match="the loss became"):
        crossed(replace(CONFIG, learning_rate=1e30, clipnorm=1e30, optimizer="SGD"))
