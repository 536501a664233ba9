"""Starting TensorFlow: how many threads, without Keras, and without its notices about GPUs."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder

_STDERR = 2  # the file descriptor: TensorFlow's C++ code does not know of sys.stderr


def start_tensorflow(threads: int | None = None, side_by_side: int | None = None) -> None:
    """Import TensorFlow and open its devices; None is all cores.

    threads: that share an operation. side_by_side: operations that run at once, as many as threads
    where it is not given. In a process where TensorFlow runs already, it keeps what it has.
    """
    # From 2.16 on, no setting keeps it from announcing that it found no GPU.
    with _silenced_stderr():
        with lasting_imports(), hidden(*_KERAS_OPTIMIZERS):
            import tensorflow as tf

        if threads is not None:
            with contextlib.suppress(RuntimeError):
                tf.config.threading.set_intra_op_parallelism_threads(threads)
                tf.config.threading.set_inter_op_parallelism_threads(side_by_side or threads)
        tf.constant(0)


@contextlib.contextmanager
def lasting_imports() -> Iterator[None]:
    """Import large packages within: a quarter faster, since nothing looks for garbage meanwhile.

    What they make lives as long as the process.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextlib.contextmanager
def _silenced_stderr() -> Iterator[None]:
    kept = os.dup(_STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nowhere)


# TensorFlow imports the optimizers of whichever Keras is installed, and with them all of it, but
# gets by where that fails: 0.7 s and 80 MB less. Training imports its own.
_KERAS_OPTIMIZERS = ("keras.src.optimizers", "tf_keras.src.optimizers")


@contextlib.contextmanager
def hidden(*modules: str) -> Iterator[None]:
    """Within, importing these fails, unless they are imported already: for what can do without.

    A package is not found: compiled importers would take None in its place for the package. Of a
    package's parts there is None, since `from package import part` passes over one that is not
    found.
    """
    parts = [name for name in modules if "." in name and name not in sys.modules]
    finder = _Hidden([name for name in modules if "." not in name])
    sys.modules.update(dict.fromkeys(parts))  # type: ignore[arg-type]  # as Python allows
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in parts:
            del sys.modules[name]


class _Hidden(MetaPathFinder):
    """Finds none of these packages, as if they were not installed."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname in self._packages:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
