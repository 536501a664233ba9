"""What happens around the epochs of a training: scores, the kept epoch, logs, the progress line."""

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from model.evaluation.entity_scores import entity_scores
from model.tagger import crf
from model.tags import Span, spans_of
from model.training.averaging import WeightAverage
from model.training.batches import EpochPlan, sentences_of, unpadded
from model.training.checkpoint import TrainingState
from model.training.configuration import TrainingConfig, refused
from model.training.keras_version import keras
from model.training.network import BiLSTMCRF
from schemas.errors import JobError
from schemas.records import Ints

Logs = dict[str, Any]

_REDRAW_SECONDS = 0.5


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


class DevScores(keras.callbacks.Callback):
    """Adds `val_loss`, `val_precision`, `val_recall`, `val_f1` of the averaged weights to the logs.

    It also keeps the weights of the best epoch (`monitor`, `mode` and `save_best_only` as in
    Keras's ModelCheckpoint), and stops the training after `patience` epochs without a better one.
    It stands first among the callbacks, so that others see what it adds.
    """

    def __init__(
        self,
        dev: tf.data.Dataset,
        average: WeightAverage,
        plan: EpochPlan,
        config: TrainingConfig,
        state: TrainingState,
    ) -> None:
        super().__init__()
        self.dev = dev
        self.average = average
        self.plan = plan
        self.config = config
        self.state = state

    def on_train_begin(self, logs: Logs | None = None) -> None:
        # One function for all epochs: tracing the network takes seconds.
        self._emit = tf.function(self._emissions, reduce_retracing=True)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.plan.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        if not np.isfinite(float(logs["loss"])):
            raise JobError(
                f"the loss became {float(logs['loss'])} in epoch {epoch + 1}: "
                "try a lower --learning_rate"
            )
        with self.average.swapped_in():
            logs |= dev_scores(self.model, self.dev, self._emit)
            self.state.record(logs)
            values = self.state.history[self.config.monitor]
            if not self.config.save_best_only or is_better(values, self.config):
                self.state.kept_epoch = epoch + 1
                self.state.kept_weights = self.model.get_weights()
        best = 1 + max(n for n in range(len(values)) if is_better(values[: n + 1], self.config))
        if epoch + 1 - best >= self.config.patience > 0:
            self.state.stopped = self.model.stop_training = True

    def _emissions(self, inputs: Any, tags: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:  # noqa: ANN401 - a batch's inputs
        emissions = self.model(inputs)
        return emissions, self.model.losses(inputs, tags, emissions)


def is_better(values: Sequence[float], config: TrainingConfig) -> bool:
    """Whether the last of the monitored values is better than all before; the first one is."""
    *earlier, last = values
    if not earlier:
        return True
    return last > max(earlier) if config.best == "max" else last < min(earlier)


def dev_scores(model: BiLSTMCRF, dev: tf.data.Dataset, emit: Any) -> dict[str, float]:  # noqa: ANN401 - a traced function
    """Loss and strict entity scores of the model as it stands."""
    potentials = model.tagger_weights().potentials()
    names = model.crf.tags.tags
    gold: list[list[Span]] = []
    found: list[list[Span]] = []
    losses = []

    def spans(tags: Ints, lengths: Ints) -> list[list[Span]]:
        return [spans_of([names[t] for t in sentence]) for sentence in sentences_of(tags, lengths)]

    for inputs, tags in dev:
        lengths = inputs["lengths"].numpy()
        padded, sentence_losses = emit(inputs, tags)
        losses.append(sentence_losses.numpy())
        decoded = crf.decode(potentials, unpadded(padded.numpy(), lengths), lengths)
        gold += spans(unpadded(tags.numpy(), lengths), lengths)
        found += spans(decoded, lengths)
    micro = entity_scores(gold, found).micro
    return {
        "val_loss": float(np.concatenate(losses).mean()),
        "val_precision": micro.precision,
        "val_recall": micro.recall,
        "val_f1": micro.f1,
    }


class ProgressLine(keras.callbacks.Callback):
    """One line that tells how far the training is, how fast, and when it will be done.

    verbose as in Keras: 0 nothing, 1 a line that is redrawn within an epoch, 2 a line an epoch;
    where the output is no terminal, 1 is as 2. tokens: of an epoch.
    """

    def __init__(self, tokens: int, config: TrainingConfig, state: TrainingState) -> None:
        super().__init__()
        self._supports_tf_logs = True  # or Keras turns the loss into a number at every step
        self.tokens = tokens
        self.config = config
        self.state = state

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._seconds: list[float] = []
        self._redraws = self.config.verbose == 1 and sys.stdout.isatty()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begun = self._drawn = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        now = time.monotonic()
        if batch + 1 < self.params["steps"]:
            if self._redraws and now - self._drawn > _REDRAW_SECONDS:
                self._drawn = now
                done = (batch + 1) / self.params["steps"]
                text = f"{done:4.0%}  loss {float((logs or {})['loss']):.4f}"
                self._write(text, now - self._begun, done, "\r")
        else:
            self._seconds.append(now - self._begun)  # scoring on dev is not counted

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.config.verbose:
            shown = ("loss", "val_loss", "val_f1")
            values = "  ".join(f"{name} {float((logs or {})[name]):.4f}" for name in shown)
            kept = " *" if self.state.kept_epoch == epoch + 1 else "  "
            self._write(values + kept, self._seconds[-1], 1.0, "\n")

    def _write(self, text: str, seconds: float, done: float, end: str) -> None:
        epochs = self.params["epochs"]
        current = self.state.epochs + (done < 1.0)
        whole = np.mean(self._seconds) if self._seconds else seconds / done
        left = int(whole * (epochs - current + 1 - done))
        rate = self.tokens * done / max(seconds, 1e-9)
        line = f"epoch {current:>{len(str(epochs))}}/{epochs}  {text}  {rate:,.0f} tokens/s"
        clear = "\033[K" if self._redraws else ""
        with contextlib.suppress(OSError):  # a full disk or a reader that left ends no training
            sys.stdout.write(f"{line}  ETA {left // 60}:{left % 60:02}{clear}{end}")
            sys.stdout.flush()


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
