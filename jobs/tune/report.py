"""What a search tells: a line a trial, at the end the best trials and how to train like them."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from jobs.tune.study import Trial, same_flags
from pipeline.console.commands import called
from pipeline.console.text import aligned

_SHOWN = 5


def progress(finished: Sequence[Trial], best: Trial | None, trials: int, monitor: str) -> str:
    """One line about the last of the finished trials."""
    last = finished[-1]
    parts = [
        f"{monitor} {_figure(last)}" if last.outcome.error is None else f"{last.outcome.error}",
        f"best {_figure(best)} in trial {best.number}" if best else "no model yet",
        f"took {_duration(last.outcome.seconds)}",
    ]
    known = same_flags(finished[:-1], last.values)
    if known:
        parts[-1] = f"the flags of trial {known.number} again"
    left = trials - len(finished)
    if left > 0:
        mean = sum(trial.outcome.seconds for trial in finished) / len(finished)
        parts.append(f"about {_duration(mean * left)} left")
    status = "failed: " if last.outcome.error is not None else ""
    return f"trial {last.number} of {trials}: {status}{', '.join(parts)}"


def table(ranked: Sequence[Trial], finished: int, monitor: str) -> str:
    """The best trials, the best first, with their flags."""
    shown = ranked[:_SHOWN]
    flags = list(shown[0].values)
    rows = [["trial", monitor, "time", *flags]]
    rows += [
        [
            str(trial.number),
            _figure(trial),
            _duration(trial.outcome.seconds),
            *(trial.values[flag] for flag in flags),
        ]
        for trial in shown
    ]
    failed = finished - len(ranked)
    title = f"the best of {finished} trials" + (f", {failed} of them failed" if failed else "")
    return "\n".join([title, *aligned(rows, names=())])


def importance_table(importances: Mapping[str, float]) -> str:
    """The searched flags, the most important first."""
    rows = [["importance", "flag"]]
    rows += [[f"{share:.2f}", flag] for flag, share in importances.items()]
    return "\n".join(aligned(rows, names=()))


def best_command(given: Sequence[str], best: Trial, output: Path) -> str:
    """The command that trains with the best flags, for a shell."""
    searched = [f"--{flag}={text}" for flag, text in best.values.items()]
    return f"{called('jobs.train')} {shlex.join([*given, *searched, f'--output={output}'])}"


def _figure(trial: Trial) -> str:
    return f"{trial.outcome.figure:.4f}"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
