"""The search: trials in processes of their own, and the best command at the end."""

import json
import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobs.train.flags import training_parser
from jobs.tune.report import best_command
from jobs.tune.study import Trial
from jobs.tune.trial import Outcome, monitored
from schemas.errors import JobError

if TYPE_CHECKING:
    from tests.jobs.tune.conftest import Place

if find_spec("optuna") is None:
    pytest.skip("the extra [tune] is not installed", allow_module_level=True)


def test_a_search_ends_with_the_best_command(
    place: "Place", capsys: pytest.CaptureFixture[str]
) -> None:
    """It parses with training's parser, names the best values, and only that model is kept."""
    assert place.run(*place.search) == 0

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


def test_all_models_are_kept_where_that_is_asked_for(place: "Place") -> None:
    (place.folder / "fail").write_text("0003")
    assert place.run(*place.search, "--keep_trials=all") == 0
    assert place.models == ["0001", "0002", "0004"]


def test_a_failed_trial_costs_one_trial(place: "Place", capsys: pytest.CaptureFixture[str]) -> None:
    (place.folder / "fail").write_text("0001 0002 0004")
    assert place.run(*place.search) == 0
    told = capsys.readouterr().out
    assert "trial 1 of 4: failed: no memory for 7 units, no model yet, took " in told
    assert "the best of 4 trials, 3 of them failed" in told
    assert place.models == ["0003"]
    assert place.states == []
    assert len(list((place.output / "trials").glob("*.log"))) == 4
    assert place.run(*place.search) == 0  # they count
    assert len(place.calls) == 4


def test_a_search_stops_where_the_first_three_trials_fail_alike(place: "Place") -> None:
    (place.folder / "fail").write_text("0001 0002 0003")
    with pytest.raises(JobError, match=r"3 trials, .* failed alike: no memory for 7 units"):
        place.run(*place.search)
    assert len(place.calls) == 3
    (place.folder / "fail").unlink()
    assert place.run(*place.search) == 0
    assert len(place.calls) == 4


def test_a_search_without_any_model_fails(place: "Place") -> None:
    (place.folder / "fail").write_text("0001 0002")
    with pytest.raises(JobError, match="none of 2 trials gave a model: no memory for 7 units"):
        place.run(*place.search, "--trials=2")


def test_the_same_flags_are_not_trained_twice(
    place: "Place", capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("--search=dropout=0.25,0.5", "--trials=8") == 0
    assert sorted(dropout for _, dropout in place.calls) == ["0.25", "0.5"]
    assert ", the flags of trial 1 again" in capsys.readouterr().out


def test_no_trial_starts_after_the_timeout(
    place: "Place", capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run(*place.search, "--trials=999", "--timeout_minutes=0.02") == 0
    assert 1 <= len(place.calls) < 999
    assert f"the best of {len(place.calls)} trials" in capsys.readouterr().out


def test_importances_are_told_once_there_are_enough_trials(
    place: "Place", capsys: pytest.CaptureFixture[str]
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


def test_a_loss_is_made_small(place: "Place") -> None:
    assert place.run(*place.search, "--monitor=val_loss") == 0
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
