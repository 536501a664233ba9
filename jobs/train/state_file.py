"""Where an interrupted training is kept."""

from pathlib import Path


def state_file_of(output: Path) -> Path:
    """The file beside `output` that a training of it goes on from; gone once the model is there."""
    return output.with_name(output.name + ".training")
