"""All commands by the name that the script `gleaner` knows them by, and how one is called."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.console.start import PROGRAM


class Command(NamedTuple):
    """module: what `python -m` starts, with a function `command` that does the same."""

    module: str
    text: str


COMMANDS: Mapping[str, Command] = {
    "run": Command("pipeline.run", "Extract named entities from documents into Parquet"),
    "report": Command("jobs.report", "Make the report of a run again, from its tables"),
    "runs": Command("jobs.runs", "Look at runs, check them, and change what counts"),
    "resolve": Command("jobs.resolve", "Find which names are one thing"),
    "publish": Command("jobs.publish", "Publish what counts as Delta or Iceberg tables"),
    "train": Command("jobs.train", "Train a tagger on labelled sentences"),
    "evaluate": Command("jobs.evaluate", "Score a model on labelled data"),
    "tune": Command("jobs.tune", "Search the flags of training for the best"),
    "label": Command("jobs.label", "Choose what to label next, and read the answers"),
    "benchmark": Command("jobs.benchmark", "Measure how fast extraction is here"),
    "baselines": Command("jobs.benchmark.baselines", "Compare F1 and speed with other taggers"),
    "scale": Command("jobs.benchmark.scale", "Measure what many small files cost here"),
    "gazetteer": Command("jobs.benchmark.gazetteer", "Measure what lists of terms cost here"),
    "publishing": Command("jobs.benchmark.publishing", "Measure what publishing costs here"),
}


def called(module: str) -> str:
    """How a command is called, as this process was: `gleaner train` or `python -m jobs.train`."""
    if sys.argv and Path(sys.argv[0]).stem == PROGRAM:
        names = (name for name, command in COMMANDS.items() if command.module == module)
        return " ".join([PROGRAM, *names])
    return f"python -m {module}"


def child_command(module: str) -> list[str]:
    """The command of a process of our own; it runs in `child_environment`."""
    return [sys.executable, "-P", "-m", module]


def child_environment(**more: str) -> dict[str, str]:
    """An environment in which Python finds the same modules as here, wherever it is started."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **more}
