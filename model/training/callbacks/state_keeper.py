"""The file from which a training is resumed, written after each epoch."""

from pathlib import Path

from model.training.callbacks.logs import Logs
from model.training.checkpoint import TrainingState
from model.training.keras_version import keras


class StateKeeper(keras.callbacks.Callback):
    """Saves the state of the training after each epoch. It stands last among the callbacks.

    Raises OSError where it cannot be written: before the first epoch, if it can be known then.
    """

    def __init__(self, state: TrainingState, file: Path) -> None:
        super().__init__()
        self.state = state
        self.file = file

    def on_train_begin(self, logs: Logs | None = None) -> None:
        # An epoch may take hours, so whether there is room is tried before.
        trial = self.file.with_name(f"{self.file.name}.trial")
        try:
            self.state.save(trial)
        finally:
            trial.unlink(missing_ok=True)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.state.save(self.file)
