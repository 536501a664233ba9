"""Everything that can be tested without Beam: text, tokens, encoding, the tagger, its artifact.

What other programs may rely on is in `__all__`: `load_tagger`, and what its tagger gives.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.tagger.loading import Entity, TaggedText, TextTagger, load_tagger

__all__ = ["Entity", "TaggedText", "TextTagger", "load_tagger"]


def __getattr__(name: str) -> object:
    """A public name, imported when it is asked for, since most who import from here need none."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("model.tagger.loading"), name)
