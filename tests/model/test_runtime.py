"""TensorFlow starts without Keras, whichever is installed; training imports one, silently."""

import subprocess
import sys
from pathlib import Path

import pytest

START = (
    "import sys\n"
    "from pipeline.console.process import quiet_libraries\n"
    "quiet_libraries()\n"
    "from model.runtime import start_tensorflow\n"
    "start_tensorflow()\n"
)
LOADED = "print([name for name in ('keras', 'tf_keras') if sys.modules.get(name)])\n"


def output_of(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_tensorflow_starts_without_keras() -> None:
    """It costs what only extracts 0.7 s and 80 MB; TensorFlow would import it along."""
    assert output_of(f"{START}{LOADED}") == "[]\n"


@pytest.mark.training
def test_training_has_one_keras_and_says_nothing() -> None:
    code = f"{START}import model.training.fit\n{LOADED}"
    kept = "keras" if sys.version_info < (3, 12) else "tf_keras"
    assert output_of(code) == f"['{kept}']\n"
