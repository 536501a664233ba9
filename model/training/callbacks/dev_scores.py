"""Scores on dev after each epoch, and which epoch is kept by them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from model.evaluation.entity_scores import ScoreRow
from model.tagger import crf
from model.tags import Span, spans_of
from model.training.averaging import WeightAverage
from model.training.callbacks.logs import Logs
from model.training.checkpoint import TrainingState
from model.training.configuration import TrainingConfig
from model.training.data.batches import EpochPlan, sentences_of, unpadded
from model.training.keras_version import keras
from model.training.network import BiLSTMCRF
from schemas.errors import JobError
from schemas.records import Ints


class DevCounts(NamedTuple):
    """What scores on sentences are made of: entities, and the sum of the sentences' losses."""

    right: int
    found: int
    gold: int
    loss: float
    sentences: int

    @classmethod
    def sum_of(cls, parts: Iterable["DevCounts"]) -> "DevCounts":
        """The counts of several parts together."""
        return cls(*map(sum, zip(*parts, strict=True)))

    @property
    def logs(self) -> dict[str, float]:
        """The values that can be monitored, by name: mean loss, strict micro scores."""
        micro = ScoreRow.of_counts(self.right, self.found, self.gold)
        return {
            "val_loss": self.loss / self.sentences,
            "val_precision": micro.precision,
            "val_recall": micro.recall,
            "val_f1": micro.f1,
        }


class Verdict(NamedTuple):
    """Whether the epoch that has ended is the best so far, and whether it is the last."""

    is_best: bool
    is_last: bool


# From the logged values of an epoch and the counts behind them. It may change the former.
Judge = Callable[[Logs, DevCounts], Verdict]


class DevScores(keras.callbacks.Callback):
    """Adds `val_loss`, `val_precision`, `val_recall`, `val_f1` of the averaged weights to the logs.

    It also keeps the weights of the best epoch, or of the last one without `save_best_only`, and
    stops the training: as `judge` says, which is by `judged` where it is None. Without dev nothing
    is scored, and the last epoch is kept. It stands first among the callbacks, so that others see
    what it adds. silver_epochs: how many have silver in them, the first ones.
    """

    def __init__(
        self,
        dev: tf.data.Dataset | None,
        average: WeightAverage,
        plan: EpochPlan,
        config: TrainingConfig,
        state: TrainingState,
        judge: Judge | None = None,
        silver_epochs: int = 0,
    ) -> None:
        super().__init__()
        self.dev = dev
        self.average = average
        self.plan = plan
        self.config = config
        self.state = state
        self.judge = judge or self._judged
        self.silver_epochs = silver_epochs

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
            if self.dev is None:
                verdict = Verdict(is_best=True, is_last=False)
            else:
                counts = dev_counts(self.model, self.dev, self._emit)
                logs |= counts.logs
                verdict = self.judge(logs, counts)
            self.state.record(logs)
            if verdict.is_best or not self.config.save_best_only:
                self.state.kept_epoch = epoch + 1
                self.state.kept_weights = self.model.get_weights()
        if verdict.is_last:
            self.state.stopped = self.model.stop_training = True

    def _judged(self, logs: Logs, counts: DevCounts) -> Verdict:
        values = {name: [*self.state.history.get(name, []), float(logs[name])] for name in logs}
        return judged(values, self.config, self.silver_epochs)

    def _emissions(self, inputs: Any, tags: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:  # noqa: ANN401 - a batch's inputs
        emissions = self.model(inputs)
        return emissions, self.model.losses(inputs, tags, emissions)


def judged(
    history: Mapping[str, Sequence[float]], config: TrainingConfig, silver_epochs: int = 0
) -> Verdict:
    """The verdict on the last epoch of the logged values so far.

    No other follows where there were `patience` epochs without a better one. Epochs before the
    first that finds anything do not count: at first a network finds nothing, and the fewer
    sentences there are, the longer. Nor do those with silver, for gold is learnt last.
    """
    best, done = best_epoch(history, config), len(history["val_f1"])
    first = next((n for n, f1 in enumerate(history["val_f1"], 1) if f1 > 0), done)
    waited = done - max(best, first, silver_epochs)
    return Verdict(best == done, waited >= config.patience > 0)


def best_epoch(history: Mapping[str, Sequence[float]], config: TrainingConfig) -> int:
    """The epoch, from 1, that is best by the monitored value; among equals, by `val_loss`.

    Of equals in both the first is.
    """
    sign = 1 if config.best == "max" else -1
    ranks = [
        (sign * value, -loss)
        for value, loss in zip(history[config.monitor], history["val_loss"], strict=True)
    ]
    return 1 + ranks.index(max(ranks))


def dev_counts(model: BiLSTMCRF, dev: tf.data.Dataset, emit: Any) -> DevCounts:  # noqa: ANN401 - a traced function
    """Loss and strictly counted entities of the model as it stands."""
    potentials = model.tagger_weights().potentials()
    names = model.crf.tags.tags
    totals = []

    def spans(tags: Ints, lengths: Ints) -> list[set[Span]]:
        return [
            set(spans_of([names[t] for t in sentence])) for sentence in sentences_of(tags, lengths)
        ]

    for inputs, tags in dev:
        lengths = inputs["lengths"].numpy()
        padded, losses = emit(inputs, tags)
        decoded = crf.decode(potentials, unpadded(padded.numpy(), lengths), lengths)
        gold = spans(unpadded(tags.numpy(), lengths), lengths)
        found = spans(decoded, lengths)
        totals.append(
            DevCounts(
                right=sum(len(f & g) for f, g in zip(found, gold, strict=True)),
                found=sum(map(len, found)),
                gold=sum(map(len, gold)),
                loss=float(losses.numpy().astype(np.float64).sum()),
                sentences=len(lengths),
            )
        )
    return DevCounts.sum_of(totals)
