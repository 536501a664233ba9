"""A folder in which a search can be tried: with a trainer that takes no time."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.tune.__main__ import run
from tests.builders import last_of_each

# A training whose F1 is best with a dropout of 0.4. It stops for a minute in the trial that the
# file `hang` names, once, and fails where the file `fail` names the trial. As the real one, it
# keeps its state beside the output until it is done, and takes up only what has the same flags.
TRAINER = """
import json, os, sys, time
from pathlib import Path
here = Path(__file__).parent
flags = dict(argument[2:].split("=", 1) for argument in sys.argv[1:] if "=" in argument)
output = Path(flags["output"])
assert not output.exists()
state = output.with_name(output.name + ".training")
if state.exists() and "--resume" not in sys.argv:
    sys.exit(f"error: {state} is an interrupted training")
if state.exists() and json.loads(state.read_text()) != flags:
    sys.exit(f"error: {state} is of a training with other settings")
with (here / "calls").open("a") as calls:
    calls.write(f"{output.name} {flags['dropout']}\\n")
output.mkdir(parents=True)
(output / "half-made").touch()
state.write_text(json.dumps(flags))
def named(file):
    return (here / file).exists() and output.name in (here / file).read_text().split()
if named("hang"):
    (here / "hang").unlink()
    (here / "pid").write_text(str(os.getpid()))
    (here / "hangs").touch()
    time.sleep(60)
print("epoch 1")
if named("fail"):
    sys.exit(f"error: no memory for {flags['units']} units")
f1 = 1 - abs(float(flags["dropout"]) - 0.4)
scores = {"dev": {"micro": {"precision": 0.5, "recall": 0.25, "f1": f1}}}
metrics = {"scores": scores, "history": {"val_loss": [3.0, f1, 5.0]}, "kept_epoch": 2}
(output / "metrics.json").write_text(json.dumps(metrics))
state.unlink()
"""


class Place:
    """A folder with training data, a trainer, and the search's output."""

    search = ("--search=dropout=0.1..0.9", "--units=7", "--trials=4")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trainer = [sys.executable, str(folder / "trainer.py")]
        self.output = folder / "my search"
        (folder / "trainer.py").write_text(TRAINER)
        rows = (f"Ana B-per\nwas O\nhere O\n{number} O\n" for number in range(20))
        (folder / "data.csv").write_text("\n".join(rows))
        self.given = [f"--train={folder / 'data.csv'}", f"--output={self.output}"]

    def run(self, *flags: str) -> int:
        return run(last_of_each([*self.given, *flags]), self.trainer)

    def start(self, *flags: str) -> "subprocess.Popen[str]":
        """The same in a process of its own, once its second trial is under way."""
        (self.folder / "hang").write_text("0002")
        code = (
            "from pipeline.console.process import main\n"
            "from jobs.tune.__main__ import run\n"
            f"main(lambda arguments: run(arguments, {self.trainer!r}))\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, *last_of_each([*self.given, *flags])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.wait_for((self.folder / "hangs").exists)
        return process

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)

    @property
    def calls(self) -> list[list[str]]:
        """Trial and dropout of every training that was started."""
        return [line.split() for line in (self.folder / "calls").read_text().splitlines()]

    @property
    def models(self) -> list[str]:
        return sorted(path.name for path in (self.output / "trials").iterdir() if path.is_dir())

    @property
    def states(self) -> list[Path]:
        return list((self.output / "trials").glob("*.training"))

    def trainer_lives(self) -> bool:
        try:
            os.kill(int((self.folder / "pid").read_text()), 0)
        except ProcessLookupError:
            return False
        return True


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "a {b} %20?"
    folder.mkdir()
    return Place(folder)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Place:
    (tmp_path / "elsewhere").mkdir()
    return Place(tmp_path / "elsewhere")
