"""The study: what was tried and what came of it, kept by Optuna in an SQLite file.

SQLite rather than Optuna's journal file: a process that is killed while it writes leaves a
transaction that SQLite takes back, where a journal keeps half a line, which it refuses to read once
another follows, and a lock file.
"""

import contextlib
import logging
import re
import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from jobs.tune.space import Domain, Range, Search
from jobs.tune.trial import Outcome
from schemas.errors import UsageError

FILE = "study.db"
_UNWRITTEN = re.compile("disk|readonly|unable to open")  # as SQLite words it
_ENOUGH = 10  # finished trials, from which on importances say something


@dataclass(frozen=True)
class Trial:
    """A finished trial; numbers start at 1, `values` are the texts of the searched flags."""

    number: int
    values: Mapping[str, str]
    outcome: Outcome


def same_flags(trials: Iterable[Trial], values: Mapping[str, str]) -> Trial | None:
    """The first trial that had these values and gave a model."""
    alike = (t for t in trials if t.values == values and t.outcome.error is None)
    return next(alike, None)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Within, what SQLite could not write is an OSError, as of any other file."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        causes = (error, error.__cause__, error.__context__)
        failure = next((each for each in causes if isinstance(each, OperationalError)), None)
        if failure is None or not _UNWRITTEN.search(str(failure.orig)):
            raise
        raise OSError(str(failure.orig)) from error


class Study:
    """The trials of one search, on disk. One process at a time may have it open.

    Its methods raise OSError where the file cannot be written.
    """

    def __init__(self, path: Path, search: Search) -> None:
        """Open the study in the file at `path`, or begin it there.

        Raises UsageError where the file holds another search, or no study at all.
        """
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(logging.ERROR)
        self._search = search
        try:
            with _writing():
                self._study = optuna.create_study(
                    # A connection, not a URL: Optuna formats the URL, and a path may hold braces.
                    storage=optuna.storages.RDBStorage(
                        "sqlite://", engine_kwargs={"creator": lambda: sqlite3.connect(path)}
                    ),
                    study_name="tune",
                    direction="maximize" if search.mode == "max" else "minimize",
                    load_if_exists=True,
                )
        except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
            raise UsageError(
                f"{path} is no study that Optuna {optuna.__version__} reads"
            ) from error
        self._asked: optuna.Trial | None = None
        with _writing():
            self._require_same(path)
            self._resume()

    @property
    def finished(self) -> list[Trial]:
        """Every trial that ended by itself, in the order of their starts."""
        trials: list[Trial] = []
        for trial in self._study.get_trials(deepcopy=False):
            error = trial.user_attrs.get("error")
            if trial.state == TrialState.COMPLETE or error:
                figure = None if error else trial.value
                outcome = Outcome(figure, error, trial.user_attrs["seconds"])
                trials.append(Trial(len(trials) + 1, self._texts(trial.params), outcome))
        return trials

    def best(self) -> Trial | None:
        """The trial with the best figure, the first of those that are equal."""
        return next(iter(self.ranked()), None)

    def ranked(self) -> list[Trial]:
        """The trials that have a figure, the best first."""
        sign = -1 if self._search.mode == "max" else 1
        scored = [(t.outcome.figure, t) for t in self.finished if t.outcome.figure is not None]
        return [trial for _, trial in sorted(scored, key=lambda pair: sign * pair[0])]

    def ask(self) -> dict[str, str]:
        """The texts of the searched flags for the next trial.

        They depend on the seed and on the finished trials alone, not on interruptions.
        """
        # Its own seed for every trial: one sampler's generator would start again when the study
        # is resumed, and repeat its first draws.
        seed = self._search.seed + len(self.finished)
        self._study.sampler = optuna.samplers.TPESampler(seed=seed)
        distributions = {flag: _distribution(d) for flag, d in self._search.space.items()}
        with _writing():
            self._asked = self._study.ask(distributions)
        return self._texts(self._asked.params)

    def tell(self, outcome: Outcome) -> None:
        """Record what became of the trial that was asked for last."""
        if self._asked is None:
            raise ValueError("no trial was asked for")
        with _writing():
            self._asked.set_user_attr("seconds", outcome.seconds)
            if outcome.error is None:
                self._study.tell(self._asked, outcome.figure)
            else:
                self._asked.set_user_attr("error", outcome.error)
                self._study.tell(self._asked, state=TrialState.FAIL)
        self._asked = None

    def importances(self) -> dict[str, float]:
        """The share of each searched flag in what sets the best trials apart; empty for too few.

        PED-ANOVA (Watanabe et al., IJCAI 2023, arXiv:2304.10255): the one that needs no more
        packages.
        """
        figures = {trial.outcome.figure for trial in self.ranked()}
        if len(self.ranked()) < _ENOUGH or len(figures) == 1:
            return {}
        return optuna.importance.get_param_importances(
            self._study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
        )

    def _require_same(self, path: Path) -> None:
        wanted = self._search.described()
        stored = self._study.user_attrs.get("search")
        if stored is None:
            self._study.set_user_attr("search", wanted)
            return
        different = [
            f"--{flag} was {stored.get(flag, 'unknown')}, is {wanted.get(flag, 'unknown')}"
            for flag in sorted(wanted.keys() | stored.keys())
            if wanted.get(flag) != stored.get(flag)
        ]
        if different:
            raise UsageError(f"{path.parent} holds another search: {'; '.join(different)}")

    def _resume(self) -> None:
        """Line up the trial that was interrupted, or, in a new study, training's own defaults."""
        trials = self._study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                self._study.tell(trial.number, state=TrialState.FAIL)
                if "error" not in trial.user_attrs:
                    self._study.enqueue_trial(trial.params)
        if not trials:
            defaults = self._search.defaults
            stored = {flag: d.stored(defaults[flag]) for flag, d in self._search.space.items()}
            self._study.enqueue_trial({f: v for f, v in stored.items() if v is not None})

    def _texts(self, values: Mapping[str, float | str]) -> dict[str, str]:
        return {flag: domain.text(values[flag]) for flag, domain in self._search.space.items()}


def _distribution(domain: Domain) -> optuna.distributions.BaseDistribution:
    if not isinstance(domain, Range):
        return optuna.distributions.CategoricalDistribution(domain.values)
    if domain.whole:
        return optuna.distributions.IntDistribution(int(domain.low), int(domain.high), domain.log)
    return optuna.distributions.FloatDistribution(domain.low, domain.high, domain.log)
