"""Self-training: what is learnt from text is kept where gold that no teacher saw says so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.corpora.tokenized import TokenizedSentences
from model.training.configuration import EpochLog, NetworkConfig, TrainingConfig
from model.training.word_vectors import NO_VECTORS
from schemas.errors import UsageError

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("all_eager")]

NETWORK = NetworkConfig(
    embedding_size=6, character_size=4, character_filters=4, casing_size=3, units=5
)
CONFIG = TrainingConfig(batch_size=4, epochs=1, learning_rate=0.03, verbose=0, seed=9)
PEOPLE, PLACES = ("Maria", "Rui", "Tom", "Eva"), ("Lisbon", "Porto", "Faro")
FOLDS = [0, 1] * 6
TEXT = [(person, "saw", place, ".") for person in ("Ana", "Eva") for place in ("York", "Faro")]
ROUNDS = "model.training.self_training.rounds"


def corpus() -> TokenizedSentences:
    words = [[person, "left", place, "."] for person in PEOPLE for place in PLACES]
    marks = dict.fromkeys(PEOPLE, "B-per") | dict.fromkeys(PLACES, "B-geo")
    return TokenizedSentences(words, [[marks.get(word, "O") for word in s] for s in words])


def settings(text: int) -> tuple[NetworkConfig, TrainingConfig]:
    return NETWORK, CONFIG


def with_folds(log: EpochLog | None = None, **more: Any) -> Any:  # noqa: ANN401
    from model.training.self_training.rounds import fit_folds_with_text

    log = log or EpochLog()
    return fit_folds_with_text(corpus(), FOLDS, TEXT, settings, NO_VECTORS, log, **more)


def weights_of(fitted: Any) -> dict[str, Any]:  # noqa: ANN401
    return {name: getattr(fitted.weights, name) for name in fitted.weights.__slots__}


def require_same(one: Any, other: Any) -> None:  # noqa: ANN401
    for name, values in weights_of(one).items():
        np.testing.assert_array_equal(values, weights_of(other)[name])


def scored(monkeypatch: pytest.MonkeyPatch, *f1: float) -> list[Any]:
    """Let cross-validations have these F1; what they were given is noted."""
    from model.training import cross_validation

    values = iter(f1)
    noted: list[Any] = []
    real = cross_validation.cross_validate

    def crossed(*arguments: Any, silver: Any, **more: Any) -> Any:  # noqa: ANN401
        noted.append(silver)
        found = real(*arguments, silver=silver, **more)
        found.history["val_f1"] = [next(values)] * len(found.history["val_f1"])
        return found

    monkeypatch.setattr(f"{ROUNDS}.cross_validate", crossed)
    return noted


def test_rounds_go_on_while_they_gain_and_the_last_gain_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noted = scored(monkeypatch, 0.5, 0.6, 0.55)
    found = with_folds()
    assert found.f1 == [0.5, 0.6, 0.55]
    assert found.learnt == len(TEXT)
    assert "Ana" in {word.title() for word in found.fitted.encoder.vocabulary.words}
    assert found.fitted.history["val_f1"][0] == 0.6
    first, second, third = noted
    assert first == [[], []]
    # Each fold learns what its own tagger said, and no two say the same.
    for folds in (second, third):
        assert [len(parts) for parts in folds] == [1, 1]
        assert len({str(parts[0].certainty) for parts in folds}) == 2
    assert str(second[0][0].certainty) != str(third[0][0].certainty)


def test_taggers_that_find_nothing_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = scored(monkeypatch, 0.0)
    found = with_folds()
    assert (len(noted), found.f1, found.learnt) == (1, [0.0], 0)


@pytest.mark.slow
def test_without_a_gain_the_tagger_is_that_of_gold_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from model.training.cross_validation import fit_after_folds

    scored(monkeypatch, 0.5, 0.5)
    found = with_folds()
    assert (found.f1, found.learnt) == ([0.5, 0.5], 0)
    alone, _ = fit_after_folds(corpus(), FOLDS, NETWORK, CONFIG, NO_VECTORS, EpochLog())
    require_same(found.fitted, alone)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_tagger(monkeypatch: pytest.MonkeyPatch) -> None:
    """And other teachers' labels are learnt in every training."""
    from model.training.data.silver import SilverSentences, Teacher

    silver = SilverSentences(
        [("Bo", "ran")], [("B-per", "O")], [[0.9, 0.9]], [0.5], Teacher.of_labels(["geo", "per"])
    )
    monkeypatch.setattr(f"{ROUNDS}._MOST_ROUNDS", 1)
    noted = scored(monkeypatch, 0.5, 0.6, 0.5, 0.6)
    found, again = (with_folds(silver=[silver]) for _ in range(2))
    require_same(found.fitted, again.fitted)
    assert all(parts[0] is silver for folds in noted for parts in folds)
    assert "Bo" in {word.title() for word in found.fitted.encoder.vocabulary.words}


def test_steps_that_ended_are_not_done_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where a kill came later; those of other trainings are refused."""
    from model.training.data.silver import SilverSentences, Teacher

    scored(monkeypatch, *(0.5, 0.6, 0.5) * 3)
    log = EpochLog(steps=tmp_path / "steps")
    first = with_folds(log)
    steps = ["folds", "round-1", "round-2", "teachers-1"]
    assert sorted(path.name for path in (tmp_path / "steps").iterdir()) == steps

    def again(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("model.training.cross_validation._Panel.watched", again)
    second = with_folds(log)
    require_same(first.fitted, second.fitted)
    assert (second.f1, second.learnt) == (first.f1, first.learnt)
    other = SilverSentences(
        [("Bo", "ran")], [("B-per", "O")], [[0.9, 0.9]], [0.5], Teacher.of_labels(["geo", "per"])
    )
    with pytest.raises(UsageError, match="is of a training with other data or settings"):
        with_folds(log, silver=[other])


def test_time_that_is_over_ends_all_of_it() -> None:
    from model.training.self_training.rounds import fit_folds_with_text

    log = EpochLog(deadline=0.0)
    found = fit_folds_with_text(corpus(), FOLDS, TEXT, settings, NO_VECTORS, log)
    assert all(len(each.history["loss"]) == 1 for each, _ in found.judged)


@pytest.mark.parametrize("gain", [True, False])
def test_with_dev_the_better_of_teacher_and_pupil_is_kept(
    monkeypatch: pytest.MonkeyPatch, *, gain: bool
) -> None:
    from model.training.fit import fit_tagger
    from model.training.self_training import rounds

    dev = corpus().where([n < 4 for n in range(12)])
    train = corpus().where([n >= 4 for n in range(12)])

    def scored(*arguments: Any) -> Any:  # noqa: ANN401
        fitted = fit_tagger(*arguments)
        f1 = [2.0 * gain - 0.5] * len(fitted.history["loss"])
        return replace(fitted, history={**fitted.history, "val_f1": f1})

    monkeypatch.setattr(f"{ROUNDS}.fit_tagger", scored)
    found = rounds.fit_dev_with_text(train, dev, TEXT, settings, NO_VECTORS, EpochLog())
    assert found.learnt == len(TEXT) * gain
    [(judge, judged)] = found.judged
    assert judge is found.fitted
    assert judged is dev
    is_of_text = "Ana" in {word.title() for word in judge.encoder.vocabulary.words}
    assert is_of_text == gain
    if not gain:
        require_same(found.fitted, fit_tagger(train, dev, NETWORK, CONFIG))
