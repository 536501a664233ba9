"""Whether a training came to anything, and if not, what to do."""

from collections.abc import Mapping, Sequence

from model.training.configuration import TrainingConfig
from pipeline.console.commands import called

USELESS = 0.1  # an F1 below is that of a model that nobody can use
_STILL = 0.9  # of the first loss: one that stays above has not fallen


def warning_of(
    f1: float, history: Mapping[str, Sequence[float]], kept_epoch: int, fitting: TrainingConfig
) -> str | None:
    """Why a model is of no use, and what to do; None where it is of some."""
    if f1 >= USELESS:
        return None
    losses = history["loss"]
    problem = f"Its F1 is {f1:.3f}: it finds next to nothing of what it should."
    if len(losses) > 1 and losses[-1] > _STILL * losses[0]:
        rate = fitting.learning_rate / 4
        return f"{problem} The loss did not fall: train with --learning_rate {rate:.1g}."
    if kept_epoch == len(losses):
        cut = " and more --max_minutes" if fitting.max_minutes else ""
        return (
            f"{problem} It was still getting better when training ended: train with "
            f"--epochs {2 * fitting.epochs}{cut}."
        )
    return (
        f"{problem} What it learnt from its sentences does not hold for others: there are too few, "
        "or the labels are not put the same way in all of them. See which entities are missed with "
        f"{called('jobs.evaluate')} --html mistakes.html, and label more."
    )
