"""Where an interrupted training is kept: files beside its output, gone once the model is there."""

import contextlib
from pathlib import Path


def state_file_of(output: Path) -> Path:
    """The file that a training of `output` goes on from."""
    return output.with_name(output.name + ".training")


def steps_of(output: Path) -> Path:
    """The folder of what comes before that training, such as a cross-validation."""
    return output.with_name(output.name + ".training-steps")


def is_interrupted(output: Path) -> bool:
    """Whether a training of `output` is there to go on with."""
    return state_file_of(output).exists() or steps_of(output).exists()


def forget_training(output: Path) -> None:
    """Remove what is kept of a training of `output`; raises OSError where it cannot be."""
    state_file_of(output).unlink(missing_ok=True)
    steps = steps_of(output)
    with contextlib.suppress(OSError):  # what is not ours stays there, and so does its folder
        for file in (*steps.glob("*/*"), *steps.glob("*")):
            if file.is_dir():
                file.rmdir()
            else:
                file.unlink()
        steps.rmdir()
