"""A training that was interrupted and resumed ends as one that never was."""

import json
import os
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from model.training.configuration import EpochLog, NetworkConfig, TrainingConfig
from schemas.errors import JobError, UsageError

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("all_eager")]

NETWORK = NetworkConfig(
    embedding_size=6,
    character_size=4,
    character_filters=4,
    casing_size=3,
    units=5,
    recurrent_dropout=0.2,
    word_dropout=0.1,
)
CONFIG = TrainingConfig(batch_size=4, epochs=4, learning_rate=0.02, verbose=0, seed=9)
PEOPLE, PLACES = ("Maria", "Rui", "Tom", "Eva"), ("Lisbon", "Porto")


class KilledError(Exception):
    """Stands for a kill: nothing of the training runs after it."""


def fit(log: Any = None, config: TrainingConfig = CONFIG, **more: Any) -> Any:  # noqa: ANN401
    from model.corpora.tokenized import TokenizedSentences
    from model.training.fit import fit_tagger

    words = [
        [person, "left", place, "."][n % 2 :] for n, person in enumerate(PEOPLE) for place in PLACES
    ]
    marks = dict.fromkeys(PEOPLE, "B-per") | dict.fromkeys(PLACES, "B-geo")
    tags = [[marks.get(word, "O") for word in sentence] for sentence in words]
    corpus = TokenizedSentences(words, tags)
    return fit_tagger(corpus, more.pop("dev", corpus), NETWORK, config, log=log, **more)


@pytest.fixture(scope="module")
def killed(all_eager: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state file of a training that was killed in its third epoch."""
    from model.training.callbacks import state_keeper

    class Killer(state_keeper.StateKeeper):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ANN401
            if self.state.epochs == 2 and batch == 1:
                raise KilledError

    file = tmp_path_factory.mktemp("killed") / "toy.training"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.training.fit.StateKeeper", Killer)
        with pytest.raises(KilledError):
            fit(EpochLog(state_file=file))
    return file


@pytest.fixture
def interrupted(killed: Path, tmp_path: Path) -> Path:
    """That file, which the test may change."""
    return Path(shutil.copy(killed, tmp_path))


def test_a_resumed_training_ends_with_the_weights_of_an_undisturbed_one(interrupted: Path) -> None:
    """However much of it is shown."""
    undisturbed = fit()
    log = EpochLog(state_file=interrupted, resumed=interrupted)
    resumed = fit(log, replace(CONFIG, verbose=2))
    assert resumed.history == undisturbed.history
    assert resumed.kept_epoch == undisturbed.kept_epoch
    for name, array in undisturbed.weights.arrays().items():
        np.testing.assert_array_equal(array, resumed.weights.arrays()[name], err_msg=name)
    again = fit(EpochLog(resumed=interrupted))
    assert again.history == undisturbed.history, "a training that is done has nothing to do"


def test_another_training_is_not_resumed(interrupted: Path) -> None:
    """Other settings are refused in one sentence."""
    with pytest.raises(UsageError, match="is of a training with other data or settings"):
        fit(EpochLog(resumed=interrupted), replace(CONFIG, learning_rate=0.01))


@pytest.mark.parametrize("damage", [b"", b"no state at all", None])
def test_a_damaged_state_is_refused(interrupted: Path, damage: bytes | None) -> None:
    data = interrupted.read_bytes()
    interrupted.write_bytes(data[: len(data) // 2] if damage is None else damage)
    with pytest.raises(UsageError, match="cannot be resumed from"):
        fit(EpochLog(resumed=interrupted))


@pytest.mark.parametrize(
    "changes",
    [
        {"history": []},
        {"history": {"loss": ["0.5"]}},
        {"kept_epoch": "1"},
        {"stopped": 1},
        {"identity": None, "history": [[]]},
    ],
)
def test_a_state_of_other_types_is_refused(interrupted: Path, changes: dict[str, object]) -> None:
    with safetensors.safe_open(interrupted, "numpy") as stored:
        arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no dict
        progress = json.loads(stored.metadata()["progress"]) | changes
    metadata = {"progress": json.dumps(progress)}
    interrupted.write_bytes(safetensors.numpy.save(arrays, metadata))
    with pytest.raises(UsageError, match="cannot be resumed from: it"):
        fit(EpochLog(resumed=interrupted))


def test_a_state_that_is_nested_too_deeply_or_no_file_is_refused(interrupted: Path) -> None:
    deep = safetensors.numpy.save({}, {"progress": "[" * 200_000})
    interrupted.write_bytes(deep)
    with pytest.raises(UsageError, match="cannot be resumed from: "):
        fit(EpochLog(resumed=interrupted))
    interrupted.unlink()
    os.mkfifo(interrupted)
    with pytest.raises(UsageError, match=r"cannot be resumed from: .*no regular file"):
        fit(EpochLog(resumed=interrupted))


def test_other_vectors_are_not_resumed_with(interrupted: Path) -> None:
    from model.training.word_vectors import WordVectors

    vectors = WordVectors({"lisbon": 0}, np.ones((1, 3), np.float32))
    with pytest.raises(UsageError, match="is of a training with other data or settings"):
        fit(EpochLog(resumed=interrupted), vectors=vectors)


def test_the_vocabulary_keeps_the_most_frequent_words_up_to_its_size() -> None:
    fitted = fit(config=replace(CONFIG, epochs=1, vocabulary_size=3))
    assert fitted.encoder.vocabulary.words == (".", "left", "lisbon")
    assert len(fitted.weights.words) == 5


def test_without_averaging_the_last_weights_are_scored_and_kept() -> None:
    """`--average_decay 0`, and `--save_best_only false` keeps the last epoch."""
    plain = replace(CONFIG, epochs=2, average_decay=0.0, save_best_only=False)
    fitted = fit(config=plain)
    assert fitted.kept_epoch == 2
    averaged = fit(config=replace(plain, average_decay=0.9))
    assert averaged.history["loss"] == fitted.history["loss"]
    assert averaged.history["val_loss"] != fitted.history["val_loss"]


def test_a_training_that_diverges_ends_with_a_sentence() -> None:
    with pytest.raises(JobError, match=r"the loss became (nan|inf) in epoch 1: try a lower"):
        fit(config=replace(CONFIG, learning_rate=1e30, clipnorm=1e30, optimizer="SGD"))


@pytest.mark.parametrize(("patience", "save_best_only"), [(2, True), (1, False)])
def test_patience_stops_a_training_that_gets_no_better(patience: int, save_best_only: bool) -> None:
    """Its loss is monitored, whose least is taken for the worst: no epoch beats the first."""
    worse = replace(CONFIG, epochs=30, monitor="val_loss", mode="max")
    fitted = fit(config=replace(worse, patience=patience, save_best_only=save_best_only))
    first = next(n for n, f1 in enumerate(fitted.history["val_f1"], 1) if f1 > 0)
    assert len(fitted.history["loss"]) == first + patience < 30
    assert fitted.kept_epoch == (1 if save_best_only else first + patience)


def test_a_deadline_cuts_the_epoch_it_falls_into_and_what_is_there_is_kept() -> None:
    import time

    fitted = fit(EpochLog(deadline=time.monotonic()))
    assert len(fitted.history["val_f1"]) == fitted.kept_epoch == 1
    later = fit(EpochLog(deadline=time.monotonic() + 3600), replace(CONFIG, epochs=2))
    assert len(later.history["loss"]) == 2


def test_without_dev_the_last_epoch_is_kept() -> None:
    """With the weights that the same epochs give beside a dev part that is looked at only."""
    beside = fit(config=replace(CONFIG, epochs=2, save_best_only=False))
    alone = fit(config=replace(CONFIG, epochs=2), dev=None)
    assert (alone.kept_epoch, sorted(alone.history)) == (2, ["loss"])
    for name in (field.name for field in fields(alone.weights)):
        np.testing.assert_array_equal(getattr(alone.weights, name), getattr(beside.weights, name))


def test_logs_hold_every_epoch(tmp_path: Path) -> None:
    """A CSV for people and events for TensorBoard."""
    fit(EpochLog(directory=tmp_path / "logs"), replace(CONFIG, epochs=2))
    lines = (tmp_path / "logs" / "epochs.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,val_f1,val_loss,val_precision,val_recall"
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "1"]
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_progress_is_a_line_an_epoch_with_rate_and_time(
    capsys: pytest.CaptureFixture[str], verbose: int
) -> None:
    """Where the output is no terminal, nothing is redrawn."""
    fitted = fit(config=replace(CONFIG, epochs=2, verbose=verbose))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (2 if verbose else 0)
    for number, line in enumerate(lines, 1):
        assert line.startswith(f"epoch {number}/2  loss {fitted.history['loss'][number - 1]:.4f}")
        assert f"val_f1 {fitted.history['val_f1'][number - 1]:.4f}" in line
        assert "tokens/s  ETA 0:" in line
    if lines:
        assert " *  " in lines[fitted.kept_epoch - 1]
        assert lines[-1].endswith("ETA 0:00")
