"""What Keras has under a name, in any case; its own look-up knows only some of them."""

import difflib
from types import ModuleType

from model.training.configuration import refused


def named(argument: str, name: str, module: ModuleType, base: type) -> type:
    """The class of this name in a module of Keras, whatever its case and underscores.

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
