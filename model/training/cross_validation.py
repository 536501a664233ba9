"""K-fold cross-validation: how many epochs are best, and models for sentences they never saw."""

import json
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from statistics import mean

from model.corpora.tokenized import TokenizedSentences
from model.host.durable_files import replace_file
from model.tagger.vocabulary import normalize
from model.training.callbacks.dev_scores import DevCounts, Judge, Verdict, judged
from model.training.callbacks.logs import Logs
from model.training.callbacks.progress import epoch_text, write_line
from model.training.configuration import EpochLog, NetworkConfig, Step, TrainingConfig
from model.training.data.silver import SilverSentences
from model.training.fit import FittedTagger, Training
from model.training.word_vectors import NO_VECTORS, WordVectors

Judged = list[tuple[FittedTagger, TokenizedSentences]]


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What several trainings say, each without one fold, of a training on all.

    taggers, held_out: of each, as it was after the best epoch, and the sentences that it was not
    trained on. history: losses and scores by epoch, over all sentences. best_epoch: from 1.
    """

    taggers: Sequence[FittedTagger]
    held_out: Sequence[TokenizedSentences]
    history: dict[str, list[float]]
    best_epoch: int

    @property
    def f1(self) -> float:
        """Over all sentences, after the best epoch."""
        return self.history["val_f1"][self.best_epoch - 1]

    @property
    def judged(self) -> Judged:
        """The taggers, each with the sentences that it was not trained on."""
        return list(zip(self.taggers, self.held_out, strict=True))


_ALONE = Step()
_HISTORY = "history.json"
_TOGETHER = 3  # epochs whose mean says how good the last of them is
_FOLDS_SHARE = 2 / 3  # of the time: they are as much work as four trainings, two at a time


def fit_after_folds(
    sentences: TokenizedSentences,
    folds: Sequence[int],
    network: NetworkConfig,
    config: TrainingConfig,
    vectors: WordVectors,
    log: EpochLog,
    silver: Sequence[SilverSentences] = (),
) -> tuple[FittedTagger, Judged]:
    """A tagger of all sentences, for as many epochs as a cross-validation finds best.

    Its history is that of the cross-validation, whose taggers are there too, each with the
    sentences that it was not trained on.
    """
    step, each = log.step("folds", _FOLDS_SHARE), [silver] * len(set(folds))
    crossed = cross_validate(sentences, folds, network, config, vectors, step, silver=each)
    training = Training(sentences, None, network, config, vectors, silver)
    fitted = training.fit(log, last_epoch=crossed.best_epoch)
    return replace(fitted, history=crossed.history), crossed.judged


def cross_validate(
    sentences: TokenizedSentences,
    folds: Sequence[int],
    network: NetworkConfig,
    config: TrainingConfig,
    vectors: WordVectors = NO_VECTORS,
    step: Step = _ALONE,
    *,
    silver: Sequence[Sequence[SilverSentences]] | None = None,
    to_read: Iterable[Sequence[str]] = (),
) -> CrossValidation:
    """Train without each fold in turn, as `fit_side_by_side` does.

    folds: of each sentence, from 0. Every sentence is scored by the one network that is not trained
    on it. silver: for the training without each fold.
    """
    numbers = sorted(set(folds))
    silver = silver or [()] * len(numbers)
    shares = [
        Share(
            sentences.where([fold != number for fold in folds]),
            sentences.where([fold == number for fold in folds]),
            config,
            its,
        )
        for number, its in zip(numbers, silver, strict=True)
    ]
    called = f"{step.title}{len(numbers)} folds"
    return fit_side_by_side(shares, network, vectors, step, to_read, called)


def fit_side_by_side(
    shares: Sequence["Share"],
    network: NetworkConfig,
    vectors: WordVectors,
    step: Step,
    to_read: Iterable[Sequence[str]],
    called: str,
) -> CrossValidation:
    """Several trainings, epoch by epoch, that end together.

    After each epoch the scores are taken together, and decide about the best epoch and the end for
    all, as those on dev do elsewhere, but by means over a few epochs. to_read: sentences that the
    taggers are going to label. called: what the trainings are called where progress is shown.
    Raises UsageError where the folder of the step is of other trainings.
    """
    gold = (part.words for share in shares for part in (share.train, share.held_out))
    silver = (part.words for share in shares for part in share.silver)
    # No other words can come, so that none of the others has to be numbered.
    texts = chain(to_read, *gold, *silver)
    vectors = vectors.only(sorted({normalize(word) for words in texts for word in words}))
    # Made one after the other, or they would get each other's random numbers.
    trainings = [
        Training(share.train, share.held_out, network, share.config, vectors, share.silver)
        for share in shares
    ]
    held_out = [share.held_out for share in shares]
    folder = step.folder
    if folder and (folder / _HISTORY).exists():
        taggers = [training.ended(folder / f"{n}") for n, training in enumerate(trainings)]
        history = json.loads((folder / _HISTORY).read_bytes())
        return CrossValidation(taggers, held_out, history, taggers[0].kept_epoch)
    panel = _Panel(called, trainings, step.deadline)
    log = EpochLog(deadline=step.deadline)
    with ThreadPoolExecutor(len(trainings)) as threads:
        futures = [
            threads.submit(panel.watched, training, log, number)
            for number, training in enumerate(trainings)
        ]
        try:
            taggers = [future.result() for future in futures]
        except threading.BrokenBarrierError:
            # Another of them failed, and this one was told of it.
            raise next(
                error
                for error in (future.exception() for future in futures)
                if error and not isinstance(error, threading.BrokenBarrierError)
            ) from None
        finally:
            panel.barrier.abort()  # an interrupt: they end with their epoch
    if folder:
        for number, training in enumerate(trainings):
            training.state.save(folder / f"{number}")
        replace_file(folder / _HISTORY, json.dumps(panel.history).encode())  # last: all are there
    return CrossValidation(taggers, held_out, panel.history, taggers[0].kept_epoch)


@dataclass(frozen=True)
class Share:
    """What one of several trainings learns from, and what it is scored on."""

    train: TokenizedSentences
    held_out: TokenizedSentences
    config: TrainingConfig
    silver: Sequence[SilverSentences] = ()


class _Panel:
    """Where the trainings meet after each epoch: one verdict for all of them."""

    def __init__(self, called: str, trainings: Sequence[Training], deadline: float | None) -> None:
        self.called = called
        self.barrier = threading.Barrier(len(trainings), action=self._decide)
        self.config = trainings[0].config
        self.silver_epochs = trainings[0].silver_epochs
        self.tokens = trainings[0].epoch_tokens
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
        best, last = judged(self._smooth, self.config, self.silver_epochs)
        # An epoch that was cut short for one of them is the last for all.
        late = self.deadline is not None and time.monotonic() > self.deadline
        self._verdict = Verdict(best, last or late)
        if self.config.verbose:
            self._show(best)

    def _show(self, best: bool) -> None:
        done, tokens = len(self.history["loss"]), self.tokens
        text = epoch_text({n: values[-1] for n, values in self.history.items()}, is_kept=best)
        taken = time.monotonic() - self._begun
        left = taken / sum(tokens[:done]) * sum(tokens[done:])
        write_line(f"{self.called}, epoch", done, len(tokens), text, left, "\n")
