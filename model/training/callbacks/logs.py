"""What Keras logs, and its own loggers of it, to a directory of the user's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from model.training.configuration import refused
from model.training.keras_version import keras
from schemas.errors import JobError

# The values of a step or an epoch by name, as Keras hands them to every callback.
Logs = dict[str, Any]


def loggers(directory: Path, *, resumed: bool) -> list[keras.callbacks.Callback]:
    """Keras's own loggers, to a directory; a resumed training appends to what is there.

    Raises UsageError where there can be no such directory. Where it cannot be written to later on,
    they raise JobError.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused("logs", f"{directory}: {error.strerror}") from error
    writers = [
        keras.callbacks.CSVLogger(str(directory / "epochs.csv"), append=resumed),
        keras.callbacks.TensorBoard(str(directory), write_graph=False, profile_batch=0),
    ]
    return [_Logger(directory, writer) for writer in writers]


class _Logger(keras.callbacks.Callback):
    """A logger whose failure to write is told as that of the flag."""

    def __init__(self, directory: Path, logger: keras.callbacks.Callback) -> None:
        super().__init__()
        self.directory = directory
        self.logger = logger

    def set_params(self, params: Logs) -> None:
        self.logger.set_params(params)

    def set_model(self, model: keras.Model) -> None:
        self.logger.set_model(model)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._write(self.logger.on_train_begin, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._write(self.logger.on_train_batch_begin, batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._write(self.logger.on_train_batch_end, batch, logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._write(self.logger.on_epoch_begin, epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._write(self.logger.on_epoch_end, epoch, logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._write(self.logger.on_train_end, logs)

    def _write(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except (OSError, tf.errors.OpError) as error:
            # TensorFlow puts the operation and the file before the reason.
            problem = getattr(error, "strerror", None) or str(error).rpartition("; ")[2]
            raise JobError(f"--logs {self.directory} cannot be written: {problem}") from error
