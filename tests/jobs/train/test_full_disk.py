"""An output that cannot be written ends training with one sentence, and leaves nothing half."""

import errno
import io
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partialmethod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.train.__main__ import run
from model.tagger.artifact import load_artifact, read_files
from schemas.errors import JobError, UsageError
from tests.builders import last_of_each

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("eager")]

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
QUICK = (
    *("--embedding_size=8", "--units=6", "--character_filters=4", "--character_size=4"),
    *("--batch_size=20", "--epochs=2", "--verbose=0", "--seed=5"),
)

PLACES = ("Bath", "Faro", "York", "Lyon", "Ghent", "Ulm")


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those of a small training, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    pairs = [(who, where) for who in ("Eva", "Rui") for where in PLACES]
    Path("toy.conll").write_text("\n".join(f"{a} B-per\nleft O\n{b} B-geo\n" for a, b in pairs))
    return ["--train=toy.conll", "--output=models/toy", "--validation_split=0.1", *QUICK]


def failing_at(
    call: int, real: Callable[..., Any], error: Exception = FULL
) -> tuple[Callable[..., Any], list[int]]:
    """A function that does as the real one does until its call of this number; and its calls."""
    calls: list[int] = []

    def called(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as the real one
        calls.append(1)
        if len(calls) == call:
            raise error
        return real(*arguments, **more)

    return called, calls


def files(folder: str = "models") -> list[str]:
    return sorted(str(path) for path in Path(folder).rglob("*"))


def identity(output: str) -> str:
    return load_artifact(read_files(Path(output)), "toy").identity


def refused(arguments: Sequence[str]) -> JobError:
    with pytest.raises(JobError) as caught:
        run(arguments)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_disk_too_small_for_the_state_is_told_before_the_first_epoch(
    flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full, calls = failing_at(1, os.fsync)
    monkeypatch.setattr("model.host.durable_files.os.fsync", full)
    error = refused(flags)
    assert str(error) == "--output models/toy cannot be written: No space left on device"
    assert error.exit_code == 1
    assert len(calls) == 1
    assert files() == []


def test_a_disk_that_fills_up_keeps_the_epochs_before_and_the_training_goes_on(
    flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it did: in the last epoch, or in a file of the model. The model is the same."""
    flags.append("--name=toy")
    assert run(last_of_each([*flags, "--output=whole"])) == 0
    with monkeypatch.context() as patch:
        full, calls = failing_at(3, os.fsync)  # the trial, an epoch, and the last one
        patch.setattr("model.host.durable_files.os.fsync", full)
        error = refused(flags)
    assert str(error) == (
        "--output models/toy cannot be written: No space left on device, "
        "--resume goes on from its last epoch"
    )
    assert len(calls) == 3
    assert files() == ["models/toy.training"]
    for call in (1, 4, 11):
        with monkeypatch.context() as patch:
            full, calls = failing_at(call, Path.write_bytes)
            patch.setattr(Path, "write_bytes", lambda *given, full=full: full(*given))
            assert "--resume goes on" in str(refused([*flags, "--resume"]))
            assert len(calls) == call
        assert files() == ["models/toy.training"]
    assert run([*flags, "--resume"]) == 0
    assert identity("models/toy") == identity("whole")
    assert "models/toy.training" not in files()


def test_a_folder_that_nothing_can_be_written_to_is_refused_before_the_data_are_read(
    flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full, _ = failing_at(1, open)
    monkeypatch.setattr("jobs.train.__main__.tempfile.TemporaryFile", full)
    error = refused(last_of_each([*flags, "--train=gone.conll"]))
    assert str(error) == "--output models/toy cannot be written: No space left on device"
    assert isinstance(error, UsageError)
    assert not Path("models").exists()


@pytest.mark.parametrize("logger", ["CSVLogger", "TensorBoard"])
def test_logs_that_cannot_be_written_are_named_and_the_epochs_kept(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, logger: str
) -> None:
    import tensorflow as tf

    from model.training.keras_version import keras

    error: Exception = FULL
    if logger == "TensorBoard":  # as TensorFlow words it
        error = tf.errors.UnknownError(None, None, "{{node x}} logs/events.v2; No space left")
    kind = getattr(keras.callbacks, logger)
    full, _ = failing_at(2, kind.on_epoch_end, error)
    monkeypatch.setattr(kind, "on_epoch_end", partialmethod(full))
    message = str(refused([*flags, "--logs=logs"]))
    assert re.fullmatch("--logs logs cannot be written: No space left( on device)?", message)
    assert files() == ["models/toy.training"]
    assert Path("logs/epochs.csv").read_text().startswith("epoch,loss")


def test_a_progress_line_that_cannot_be_shown_ends_no_training(
    flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from model.training.callbacks.progress import ProgressLine
    from model.training.configuration import TrainingConfig

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise FULL

    monkeypatch.setattr("model.training.callbacks.progress.sys.stdout", Full())
    state: Any = SimpleNamespace(epochs=1, kept_epoch=1)
    line = ProgressLine([7], TrainingConfig(verbose=2), state)
    line.set_params({"epochs": 2, "steps": 1})
    line.on_train_begin()
    line.on_epoch_begin(0)
    line.on_train_batch_end(0)
    line.on_epoch_end(0, {"loss": 1.0, "val_loss": 1.0, "val_f1": 0.5})


def test_the_command_ends_with_one_line_and_exit_code_1(flags: list[str]) -> None:
    """With a limit on the size of files, which is what a disk can do without root."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-m", "jobs.train", *flags],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        preexec_fn=limit,
    )
    assert done.returncode == 1
    assert done.stderr == "error: --output models/toy cannot be written: File too large\n"
    assert files() == []
