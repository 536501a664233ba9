"""A bound on the time of a training."""

import time

from model.training.callbacks.logs import Logs
from model.training.checkpoint import TrainingState
from model.training.keras_version import keras


class TimeLimit(keras.callbacks.Callback):
    """Ends the training at the first step after `deadline`, a value of `time.monotonic`.

    The epoch that it is in is cut short, and scored as any other.
    """

    def __init__(self, deadline: float, state: TrainingState) -> None:
        super().__init__()
        self._supports_tf_logs = True  # or Keras turns the loss into a number at every step
        self.deadline = deadline
        self.state = state

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if time.monotonic() > self.deadline:
            self.state.stopped = self.model.stop_training = True
