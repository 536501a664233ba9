"""The seam to Keras: training has `keras` and `layers` from here, and what it has under a name.

On Python 3.11 it is the package keras, 2.15, the one that tensorflow-addons goes with. Later
Pythons need TensorFlow 2.20 or newer, which that Keras does not know. There it is tf-keras: the
same API with the same inner parts, kept up for each TensorFlow. Keras 3 would need a second code
path: its variables are no `tf.Variable`, so that neither `tf.custom_gradient` (the BiLSTM) nor
updates of single rows (LazyAdam) take them, and its optimizers have no `minimize` and other inner
parts.
"""

import difflib
import sys
from types import ModuleType

from model.training.configuration import refused

if sys.version_info < (3, 12):
    import keras
    from keras import layers
else:
    import tf_keras as keras
    from tf_keras import layers

__all__ = ["keras", "layers", "named"]


def named(argument: str, name: str, module: ModuleType, base: type) -> type:
    """The class of this name in a module of Keras, whatever its case and underscores.

    Keras's own look-up knows only some of them.
    Raises UsageError that names the argument, and the nearest or all of the names there are.
    """
    kinds = {
        _folded(each): each
        for each, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, base) and kind is not base
    }
    if _folded(name) in kinds:
        found: type = getattr(module, kinds[_folded(name)])
        return found
    nearest = difflib.get_close_matches(_folded(name), kinds, 1)
    those = f"did you mean {kinds[nearest[0]]}?" if nearest else f"it has {_listed(kinds)}"
    raise refused(argument, f"{name}: Keras knows no such {base.__name__.lower()}, {those}")


def _listed(kinds: dict[str, str]) -> str:
    return ", ".join(sorted(set(kinds.values())))


def _folded(name: str) -> str:
    return name.replace("_", "").lower()
