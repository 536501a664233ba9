"""Starting TensorFlow: how many threads, without Keras, and without its notices about GPUs."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator

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
    """Within, importing these fails, unless they are imported already: for what can do without."""
    names = [name for name in modules if name not in sys.modules]
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
