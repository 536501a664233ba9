"""Self-training: taggers label text, others learn from it, as long as these are better.

What decides is gold that a tagger's teacher had not seen either: the tagger without a fold learns
from the text as the tagger without that fold labelled it. The one that is trained on all gold
learns from what several taggers of all gold say together. Rounds are those of Yarowsky (1995,
"Unsupervised Word Sense Disambiguation Rivaling Supervised Methods").
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from model.corpora.tokenized import TokenizedSentences
from model.training.configuration import EpochLog, NetworkConfig, Step, TrainingConfig
from model.training.cross_validation import (
    CrossValidation,
    Judged,
    cross_validate,
)
from model.training.data.silver import SilverSentences
from model.training.fit import FittedTagger, Training, fit_tagger
from model.training.self_training.teachers import label_text, tagger_of, temperature_of
from model.training.word_vectors import WordVectors

_MOST_ROUNDS = 2  # a third and a fourth found no more in newswire
_TEACHERS = 3  # of as many seeds
_SEEDS = 2**32  # so many seeds there are
_TEACHERS_SHARE = 1 / 6  # of the time that there is
_ROUND_SHARE = 2 / 3  # of what is left then
_PUPILS_SHARE = 1 / 2  # of what is left then; the rest is for the tagger of all gold

Settings = Callable[[int], tuple[NetworkConfig, TrainingConfig]]


@dataclass(frozen=True, eq=False)
class SelfTraining:
    """The tagger that is kept, and how it came to be.

    judged: taggers, each with gold that it was not trained on, as it was chosen by. f1: on that, of
    the teachers first, then after each round, of which the last was no gain if it is not the best.
    learnt: sentences of text that the tagger learnt from; none where that was no gain.
    """

    fitted: FittedTagger
    judged: Judged
    f1: Sequence[float]
    learnt: int


def fit_folds_with_text(
    sentences: TokenizedSentences,
    folds: Sequence[int],
    text: Sequence[Sequence[str]],
    settings: Settings,
    vectors: WordVectors,
    log: EpochLog,
    silver: Sequence[SilverSentences] = (),
) -> SelfTraining:
    """A tagger of all sentences, and of text that taggers of the same sentences labelled.

    folds: of each sentence. text: sentences without labels, in the tokens of extraction. settings:
    what is set for gold and so many sentences of text. silver: of other teachers.
    """

    def crossed(number: int, share: float, taught: Sequence[SilverSentences]) -> CrossValidation:
        each = [[*silver, its] for its in taught] or [list(silver)] * len(set(folds))
        step, count = log.step("folds", share), 0
        if number:
            step, count = log.step(f"round-{number}", share, f"round {number}, "), len(text)
        return cross_validate(
            sentences, folds, *settings(count), vectors, step, silver=each, to_read=text
        )

    best = crossed(0, _TEACHERS_SHARE, ())
    f1 = [best.f1]
    taught: list[SilverSentences] = []
    rounds = _MOST_ROUNDS if best.f1 else 0  # taggers that find nothing teach nothing
    for number in range(1, rounds + 1):
        begun = time.monotonic()
        temperature = temperature_of(best.judged)
        lessons = [label_text([tagger_of(each, temperature)], text) for each in best.taggers]
        student = crossed(number, _ROUND_SHARE, lessons)
        f1.append(student.f1)
        if student.f1 <= best.f1:
            break
        network, config = settings(len(text) if taught else 0)
        teachers = fit_seeds(
            [
                Training(sentences, None, network, each, vectors, [*silver, *taught])
                for each in _seeds(config)
            ],
            best.best_epoch,
            log.step(f"teachers-{number}", _PUPILS_SHARE),
        )
        taught = [label_text([tagger_of(each, temperature) for each in teachers], text)]
        best = student
        now = time.monotonic()
        if log.deadline is not None and log.deadline - now < 2 * (now - begun):
            break  # another round, and the last tagger, would not be done
    learnt = len(text) if taught else 0
    training = Training(sentences, None, *settings(learnt), vectors, [*silver, *taught])
    fitted = training.fit(log, last_epoch=best.best_epoch)
    return SelfTraining(replace(fitted, history=best.history), best.judged, f1, learnt)


def _seeds(config: TrainingConfig) -> list[TrainingConfig]:
    """Settings that differ by their seeds; the first alone shows how far they are."""
    seeds = [(config.seed + number) % _SEEDS for number in range(1, _TEACHERS)]
    return [config, *(replace(config, seed=seed, verbose=0) for seed in seeds)]


def fit_seeds(
    trainings: Sequence[Training], last_epoch: int, step: Step, first: int = 0
) -> list[FittedTagger]:
    """Several trainings side by side, each to its own end, and from its last epoch on.

    first: the number in the step of the first of them.
    """

    def fit(number: int, training: Training) -> FittedTagger:
        return _fit_in(step, number, training, last_epoch)

    with ThreadPoolExecutor(len(trainings)) as threads:
        return list(threads.map(fit, range(first, first + len(trainings)), trainings))


def _fit_in(
    step: Step, number: int, training: Training, last_epoch: int | None = None
) -> FittedTagger:
    """Fit one of a step; where it was interrupted it goes on."""
    file = step.folder and step.folder / f"{number}"
    resumed = file if file and file.exists() else None
    log = EpochLog(state_file=file, resumed=resumed, deadline=step.deadline)
    return training.fit(log, last_epoch=last_epoch)


def fit_dev_with_text(
    train: TokenizedSentences,
    dev: TokenizedSentences,
    text: Sequence[Sequence[str]],
    settings: Settings,
    vectors: WordVectors,
    log: EpochLog,
    silver: Sequence[SilverSentences] = (),
) -> SelfTraining:
    """As `fit_folds_with_text`, but for one round, and dev judges.

    The tagger without text and two of other seeds teach; it is kept where dev finds the pupil no
    better.
    """
    network, config = settings(0)
    step = log.step("teachers", _TEACHERS_SHARE)
    plain = _fit_in(step, 0, Training(train, dev, network, config, vectors, silver))
    others = [Training(train, None, network, each, vectors, silver) for each in _seeds(config)[1:]]
    step = log.step("teachers", _TEACHERS_SHARE)
    teachers = [plain, *fit_seeds(others, plain.kept_epoch, step, first=1)]
    temperature = temperature_of([(plain, dev)])
    lesson = label_text([tagger_of(each, temperature) for each in teachers], text)
    fitted = fit_tagger(train, dev, *settings(len(text)), vectors, log, [*silver, lesson])
    f1 = [each.history["val_f1"][each.kept_epoch - 1] for each in (plain, fitted)]
    kept, learnt = (fitted, len(text)) if f1[1] > f1[0] else (plain, 0)
    return SelfTraining(kept, [(kept, dev)], f1, learnt)
