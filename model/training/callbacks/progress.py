"""The progress lines of trainings."""

import contextlib
import sys
import time
from collections.abc import Mapping, Sequence

from model.training.callbacks.logs import Logs
from model.training.checkpoint import TrainingState
from model.training.configuration import TrainingConfig
from model.training.keras_version import keras

_REDRAW_SECONDS = 0.5
_SHOWN = ("loss", "val_loss", "val_f1")


def write_line(what: str, epoch: int, epochs: int, text: str, seconds: float, end: str) -> None:
    """Write which epoch it is of how many, a text about it, and for how long it will go on."""
    left = int(seconds)
    line = f"{what} {epoch:>{len(str(epochs))}}/{epochs}  {text}  ETA {left // 60}:{left % 60:02}"
    with contextlib.suppress(OSError):  # a full disk or a reader that left ends no training
        sys.stdout.write(line + end)
        sys.stdout.flush()


def epoch_text(logs: Mapping[str, float], *, is_kept: bool) -> str:
    """The shown ones of an epoch's values, and a star where it is the best so far."""
    values = "  ".join(f"{name} {float(logs[name]):.4f}" for name in _SHOWN if name in logs)
    return values + (" *" if is_kept else "  ")


class ProgressLine(keras.callbacks.Callback):
    """One line that tells how far the training is, how fast, and when it will be done.

    verbose as in Keras: 0 nothing, 1 a line that is redrawn within an epoch, 2 a line an epoch;
    where the output is no terminal, 1 is as 2. tokens: of each epoch that there will be.
    """

    def __init__(self, tokens: Sequence[int], config: TrainingConfig, state: TrainingState) -> None:
        super().__init__()
        self._supports_tf_logs = True  # or Keras turns the loss into a number at every step
        self.tokens = tokens
        self.config = config
        self.state = state

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._done: list[tuple[int, float]] = []
        self._redraws = self.config.verbose == 1 and sys.stdout.isatty()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begun = self._drawn = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        now = time.monotonic()
        self._trained = now - self._begun  # scoring on dev is not counted
        self._share = (batch + 1) / self.params["steps"]
        if self._redraws and self._share < 1 and now - self._drawn > _REDRAW_SECONDS:
            self._drawn = now
            text = f"{self._share:4.0%}  loss {float((logs or {})['loss']):.4f}"
            self._write(text, self._trained, self._share, "\r")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        # Of a whole one; time may cut it short.
        self._done.append((self.tokens[epoch], self._trained / self._share))
        if self.config.verbose:
            text = epoch_text(logs or {}, is_kept=self.state.kept_epoch == epoch + 1)
            self._write(text, self._done[-1][1], 1.0, "\n")

    def _write(self, text: str, seconds: float, done: float, end: str) -> None:
        current = self.state.epochs + (done < 1.0)
        tokens = self.tokens[current - 1]
        rate = tokens * done / max(seconds, 1e-9)
        usual = [sum(each) for each in zip(*self._done, strict=True)] or [tokens * done, seconds]
        left = tokens * (1 - done) + sum(self.tokens[current:])
        clear = "\033[K" if self._redraws else ""
        text = f"{text}  {rate:,.0f} tokens/s"
        write_line(
            "epoch", current, len(self.tokens), text, left * usual[1] / usual[0], clear + end
        )
