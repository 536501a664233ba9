"""K-fold cross-validation: how many epochs are best, and models for sentences they never saw."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from statistics import mean

from model.corpora.tokenized import TokenizedSentences
from model.tagger.vocabulary import normalize
from model.training.callbacks.dev_scores import DevCounts, Judge, Verdict, judged
from model.training.callbacks.logs import Logs
from model.training.callbacks.progress import epoch_text, write_line
from model.training.configuration import EpochLog, NetworkConfig, TrainingConfig
from model.training.fit import FittedTagger, Training
from model.training.word_vectors import NO_VECTORS, WordVectors


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What K trainings, each without one fold, say of a training on all.

    taggers, held_out: of each fold, as it was after the best epoch, and the sentences that it was
    not trained on. history: losses and scores by epoch, over all sentences. best_epoch: from 1.
    """

    taggers: Sequence[FittedTagger]
    held_out: Sequence[TokenizedSentences]
    history: dict[str, list[float]]
    best_epoch: int


_TOGETHER = 3  # epochs whose mean says how good the last of them is
_FOLDS_SHARE = 2 / 3  # of the time: they are as much work as four trainings, two at a time


def fit_after_folds(
    sentences: TokenizedSentences,
    folds: Sequence[int],
    network: NetworkConfig,
    config: TrainingConfig,
    vectors: WordVectors,
    log: EpochLog,
) -> tuple[FittedTagger, list[tuple[FittedTagger, TokenizedSentences]]]:
    """A tagger of all sentences, for as many epochs as a cross-validation finds best.

    Its history is that of the cross-validation, whose taggers are there too, each with the
    sentences that it was not trained on.
    """
    now = time.monotonic()
    until = None if log.deadline is None else now + _FOLDS_SHARE * (log.deadline - now)
    crossed = cross_validate(sentences, folds, network, config, vectors, until)
    training = Training(sentences, None, network, config, vectors)
    fitted = training.fit(log, last_epoch=crossed.best_epoch)
    judged = list(zip(crossed.taggers, crossed.held_out, strict=True))
    return replace(fitted, history=crossed.history), judged


def cross_validate(
    sentences: TokenizedSentences,
    folds: Sequence[int],
    network: NetworkConfig,
    config: TrainingConfig,
    vectors: WordVectors = NO_VECTORS,
    deadline: float | None = None,
) -> CrossValidation:
    """Train without each fold in turn, all side by side, epoch by epoch.

    folds: of each sentence, from 0. Every sentence is scored by the one network that is not trained
    on it; after each epoch the scores are taken together, and decide about the best epoch and the
    end for all, as those on dev do elsewhere, but by means over a few epochs. deadline: by
    `time.monotonic`.
    """
    # No other words can come, so that none of the others has to be numbered.
    words = {normalize(word) for words in sentences.words for word in words}
    vectors = vectors.only(sorted(words))
    numbers = sorted(set(folds))
    held_out = [sentences.where([fold == number for fold in folds]) for number in numbers]
    # Made one after the other, or they would get each other's random numbers.
    trainings = [
        Training(
            sentences.where([fold != number for fold in folds]), held, network, config, vectors
        )
        for number, held in zip(numbers, held_out, strict=True)
    ]
    panel = _Panel(len(trainings), config, deadline)
    log = EpochLog(deadline=deadline)
    with ThreadPoolExecutor(len(trainings)) as threads:
        futures = [
            threads.submit(panel.watched, training, log, number)
            for number, training in enumerate(trainings)
        ]
        try:
            taggers = [future.result() for future in futures]
        except threading.BrokenBarrierError:
            # Another fold failed, and this one was told of it.
            raise next(
                error
                for error in (future.exception() for future in futures)
                if error and not isinstance(error, threading.BrokenBarrierError)
            ) from None
        finally:
            panel.barrier.abort()  # an interrupt: they end with their epoch
    return CrossValidation(taggers, held_out, panel.history, taggers[0].kept_epoch)


class _Panel:
    """Where the trainings meet after each epoch: one verdict for all of them."""

    def __init__(self, folds: int, config: TrainingConfig, deadline: float | None) -> None:
        self.barrier = threading.Barrier(folds, action=self._decide)
        self.config = config
        self.deadline = deadline
        self.history: dict[str, list[float]] = {}
        self._smooth: dict[str, list[float]] = {}
        self._told: dict[int, tuple[float, DevCounts]] = {}
        self._verdict = Verdict(is_best=False, is_last=False)
        self._begun = time.monotonic()

    def watched(self, training: Training, log: EpochLog, fold: int) -> FittedTagger:
        """Fit one of them; where it fails, the others are told."""
        try:
            return training.fit(log, judge=self._judge(fold))
        except BaseException:
            self.barrier.abort()
            raise

    def _judge(self, fold: int) -> Judge:
        def judge(logs: Logs, counts: DevCounts) -> Verdict:
            self._told[fold] = (float(logs["loss"]), counts)
            self.barrier.wait()
            return self._verdict

        return judge

    def _decide(self) -> None:
        losses, counts = zip(*self._told.values(), strict=True)
        for name, value in {"loss": mean(losses), **DevCounts.sum_of(counts).logs}.items():
            values = self.history.setdefault(name, [])
            values.append(value)
            # What little data says of one epoch is noise, so each is judged with those before it.
            self._smooth.setdefault(name, []).append(mean(values[-_TOGETHER:]))
        best, last = judged(self._smooth, self.config)
        # An epoch that was cut short for one of them is the last for all.
        late = self.deadline is not None and time.monotonic() > self.deadline
        self._verdict = Verdict(best, last or late)
        if self.config.verbose:
            self._show(best)

    def _show(self, best: bool) -> None:
        done, epochs = len(self.history["loss"]), self.config.epochs
        text = epoch_text({n: values[-1] for n, values in self.history.items()}, is_kept=best)
        left = (time.monotonic() - self._begun) / done * (epochs - done)
        write_line(f"{self.barrier.parties} folds, epoch", done, epochs, text, left, "\n")
