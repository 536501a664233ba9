"""A model of no use is called so, with the reason and what to do."""

from dataclasses import replace

import pytest

from jobs.train.report.outcome import warning_of
from model.training.configuration import TrainingConfig

CONFIG = TrainingConfig(epochs=6, learning_rate=0.02)


@pytest.mark.parametrize(
    ("losses", "kept_epoch", "said"),
    [
        ([9.0, 8.9, 8.95], 3, "The loss did not fall: train with --learning_rate 0.005."),
        ([9.0, 5.0, 4.0], 3, "still getting better when training ended: train with --epochs 12."),
        ([9.0], 1, "still getting better when training ended: train with --epochs 12."),
        ([9.0, 5.0, 1.0], 2, "What it learnt from its sentences does not hold for others"),
    ],
)
def test_the_reason_is_named_with_what_to_do(
    losses: list[float], kept_epoch: int, said: str
) -> None:
    warning = warning_of(0.004, {"loss": losses}, kept_epoch, CONFIG)
    assert warning is not None
    assert warning.startswith("Its F1 is 0.004: it finds next to nothing of what it should. ")
    assert said in warning


def test_a_training_that_was_cut_short_is_told_to_take_more_time() -> None:
    warning = warning_of(0.0, {"loss": [9.0, 5.0]}, 2, replace(CONFIG, max_minutes=1.0))
    assert warning is not None
    assert warning.endswith("train with --epochs 12 and more --max_minutes.")


def test_a_model_that_finds_something_is_not_warned_of() -> None:
    assert warning_of(0.1, {"loss": [9.0, 9.0]}, 2, CONFIG) is None
