"""Silver is learnt beside gold first, gold alone last; interrupted anywhere, it ends the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora.tokenized import TokenizedSentences
from model.training.configuration import EpochLog, NetworkConfig, TrainingConfig
from model.training.data.silver import SilverSentences, Teacher
from model.training.phases import phases_of, silver_epochs

NETWORK = NetworkConfig(
    embedding_size=6, character_size=4, character_filters=4, casing_size=3, units=5
)
CONFIG = TrainingConfig(batch_size=4, epochs=3, learning_rate=0.02, verbose=0, seed=9)
GOLD = TokenizedSentences(
    [[person, "left", place] for person in ("Maria", "Rui", "Eva") for place in ("Lisbon", "Faro")],
    [["B-per", "O", "B-geo"]] * 6,
)
SILVER = SilverSentences(
    [("Bo", "saw", "York"), ("Ana", "ran")] * 5,
    [("B-per", "O", "B-geo"), ("B-per", "O")] * 5,
    [[0.9] * 3, [0.8] * 2] * 5,
    [0.5] * 10,
    Teacher.of_labels(["geo", "per"]),
)
FIRST = silver_epochs(len(SILVER))


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(1, 60))
def test_gold_alone_is_learnt_last_and_as_configured(gold: int, silver: int, epochs: int) -> None:
    config = TrainingConfig(epochs=epochs, batch_size=16, learning_rate=0.001)
    *first, last = phases_of(config, gold, silver)
    assert (last.sentences, last.batch_size, last.learning_rate) == (gold, 16, 0.001)
    assert len(last.epochs) == epochs
    assert [phase.sentences for phase in first] == [gold + silver] * bool(silver)
    assert sum(len(phase.epochs) for phase in first) == silver_epochs(silver) == last.epochs.start


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_silver_is_gone_through_no_more_often(a: int, b: int) -> None:
    few, many = sorted((a, b))
    # A batch that doubles makes one epoch of a few more.
    assert 2 <= silver_epochs(many) <= min(silver_epochs(few) + 1, 8)


def test_epochs_with_silver_are_no_patience() -> None:
    from model.training.callbacks.dev_scores import judged

    config = TrainingConfig(patience=2)
    f1 = [0.5, 0.4, 0.4, 0.3]

    def is_last(epochs: int, silver: int) -> bool:
        history = {"val_f1": f1[:epochs], "val_loss": f1[:epochs]}
        return judged(history, config, silver).is_last

    assert [is_last(epochs, 0) for epochs in (2, 3)] == [False, True]
    assert [is_last(epochs, 2) for epochs in (2, 3, 4)] == [False, False, True]


class KilledError(Exception):
    """Stands for a kill: nothing of the training runs after it."""


def training() -> Any:  # noqa: ANN401
    from model.training.fit import Training

    return Training(GOLD, GOLD, NETWORK, CONFIG, silver=[SILVER])


@pytest.mark.training
@pytest.mark.usefixtures("all_eager")
def test_each_epoch_has_the_sentences_and_the_rates_of_its_phase(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from model.training.network import BiLSTMCRF

    seen: list[tuple[int, int, float]] = []
    real = BiLSTMCRF.train_step

    def step(self: Any, parts: Any) -> Any:  # noqa: ANN401
        sentences = sum(len(tags) for _, tags in parts)
        done = int(self.optimizer.iterations)
        seen.append((sentences, done, float(self.optimizer.learning_rate)))
        return real(self, parts)

    monkeypatch.setattr(BiLSTMCRF, "train_step", step)
    fitted = training().fit(EpochLog())
    assert len(fitted.history["loss"]) == FIRST + 3
    first, last = seen[: FIRST * 2], seen[FIRST * 2 :]
    assert [sentences for sentences, *_ in first] == [8] * FIRST * 2
    assert [sentences for sentences, *_ in last] == [3] * 6
    for phase, rate in ((first, 0.006), (last, 0.02)):
        assert [done for _, done, _ in phase] == list(range(len(phase)))
        assert 0.9 * rate < max(each for *_, each in phase) <= rate


@pytest.mark.training
@pytest.mark.usefixtures("all_eager")
def test_what_taggers_of_gold_labelled_is_learnt_to_the_end() -> None:
    """Beside other silver, in whichever order they come; and with none, there is one phase."""
    from model.training.fit import Training

    own = replace(SILVER, words=SILVER.words[:4], tags=SILVER.tags[:4], as_gold=True)
    own = replace(own, certainty=own.certainty[:4], weight=[1.0] * 4)
    for silver in ([SILVER, own], [own, SILVER]):
        both = Training(GOLD, None, NETWORK, CONFIG, silver=silver)
        assert [phase.sentences for phase in both.phases] == [20, 10]
        assert both.train.silver is not None
        assert both.train.silver.weight.tolist() == [1.0] * 10 + [0.5] * 10
    [alone] = Training(GOLD, None, NETWORK, CONFIG, silver=[own]).phases
    assert (alone.sentences, alone.epochs) == (10, range(3))


@pytest.mark.training
@pytest.mark.usefixtures("all_eager")
@pytest.mark.parametrize("epoch", [FIRST - 1, FIRST, FIRST + 1])
def test_a_resumed_training_ends_as_an_undisturbed_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, epoch: int
) -> None:
    """Killed with silver, after the last epoch of it, and with gold alone."""
    from model.training.callbacks import state_keeper

    class Killer(state_keeper.StateKeeper):
        def on_epoch_end(self, number: int, logs: Any = None) -> None:  # noqa: ANN401
            super().on_epoch_end(number, logs)
            if self.state.epochs == epoch:
                raise KilledError

    undisturbed = training().fit(EpochLog())
    file = tmp_path / "toy.training"
    with monkeypatch.context() as patch:
        patch.setattr("model.training.fit.StateKeeper", Killer)
        with pytest.raises(KilledError):
            training().fit(EpochLog(state_file=file))
    resumed = training().fit(EpochLog(state_file=file, resumed=file))
    assert resumed.history == undisturbed.history
    assert resumed.kept_epoch == undisturbed.kept_epoch
    for name, array in undisturbed.weights.arrays().items():
        np.testing.assert_array_equal(array, resumed.weights.arrays()[name], err_msg=name)


@pytest.mark.training
@pytest.mark.usefixtures("all_eager")
@pytest.mark.parametrize("last", [1, FIRST, FIRST + 2])
def test_a_training_may_end_in_either_phase(last: int) -> None:
    whole, cut = training().fit(EpochLog()), training().fit(EpochLog(), last_epoch=last)
    assert cut.history["loss"] == whole.history["loss"][:last]
