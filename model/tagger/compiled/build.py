"""Compiles the C beside this, as a step of building the package: a hook of hatchling.

Where there is no C compiler the package is built without it, and extraction runs in TensorFlow.
"""

import os
import platform
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDER = "model/tagger/compiled"
LIBRARY = "kernel.so"
# Neither -ffast-math, which lets numbers that are none pass, nor its rounding to 0 for the process.
_FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-Wall")
# Floats of a vector, and what makes a compiler use it.
_INSTRUCTION_SETS = {
    "4": (),
    "8": ("-mavx2", "-mfma"),
    "16": ("-march=skylake-avx512", "-mprefer-vector-width=512"),
}


class CompilingHook(BuildHookInterface):  # type: ignore[type-arg]  # no options of its own
    """Puts the library beside its sources, and both in the wheel, which is of this platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, or say why not."""
        if self.target_name != "wheel":
            return
        folder = Path(self.root) / _FOLDER
        try:
            compiled(folder, folder / LIBRARY)
        except (OSError, subprocess.CalledProcessError) as error:
            (folder / LIBRARY).unlink(missing_ok=True)
            self.app.display_warning(f"built without its C, extraction will be slower: {error}")
            return
        build_data["pure_python"] = False
        tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{tag}"
        build_data["artifacts"].append(f"{_FOLDER}/{LIBRARY}")


def compiled(folder: Path, library: Path) -> None:
    """Compile the sources in the folder; raises OSError or CalledProcessError where it cannot."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    widths = _INSTRUCTION_SETS if platform.machine() in ("x86_64", "AMD64") else {"4": ()}
    with tempfile.TemporaryDirectory() as scratch:
        objects = []
        for width, flags in widths.items():
            target = Path(scratch) / f"{width}.o"
            names = (f"-DWIDTH={width}", f"-DNAME(name)=name##_{width}")
            _run([*compiler, *_FLAGS, *flags, *names, "-c", folder / "kernel.c", "-o", target])
            objects.append(target)
        # A process that runs the old one keeps it: the new one takes its name only.
        made = Path(scratch) / LIBRARY
        _run([*compiler, *_FLAGS, "-shared", folder / "dispatch.c", *objects, "-lm", "-o", made])
        beside = library.with_name(f".{LIBRARY}.{os.getpid()}")
        beside.write_bytes(made.read_bytes())
        beside.replace(library)


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - the compiler
