"""The phases of a training: silver beside gold first, gold last.

A teacher's own way of drawing a span outvotes a few sentences of gold as long as both are learnt
together, however they are weighed; learnt last, gold has the last word on what silver has taught.
What taggers of gold labelled is drawn as gold is, and counts as gold here.
"""

from dataclasses import dataclass

from model.training.automatic import batch_size_for, rate_for
from model.training.configuration import TrainingConfig

_STEPS = 1_200  # with silver, as far as epochs may be few or many
_FEWEST_EPOCHS, _MOST_EPOCHS = 2, 8


@dataclass(frozen=True)
class Phase:
    """Epochs that go through the same sentences, the first so many, with a learning rate's course.

    epochs: which, from 0.
    """

    epochs: range
    sentences: int
    batch_size: int
    learning_rate: float


def phases_of(config: TrainingConfig, gold: int, silver: int) -> list[Phase]:
    """What a training goes through with so many sentences of each; gold is learnt as configured.

    How silver is gone through follows from their number alone, so that it is the same beside all
    gold and beside gold without a fold.
    """
    phases = []
    epochs = silver_epochs(silver)
    if silver:
        batch = batch_size_for(silver)
        phases.append(Phase(range(epochs), gold + silver, batch, rate_for(batch)))
    last = range(epochs, epochs + config.epochs)
    return [*phases, Phase(last, gold, config.batch_size, config.learning_rate)]


def silver_epochs(silver: int) -> int:
    """How often so many sentences of silver are gone through."""
    if not silver:
        return 0
    usual = round(_STEPS * batch_size_for(silver) / silver)
    return min(max(usual, _FEWEST_EPOCHS), _MOST_EPOCHS)
