"""Where a training keeps its state until its model is written."""

from pathlib import Path


def state_file_of(output: Path) -> Path:
    """The file beside the model's directory `output` that an interrupted training resumes from."""
    return output.with_name(output.name + ".training")
