"""The Beam job: one stage a file, `graph` wires them, `run` starts them.

`from pipeline import ExtractEntities` gives its heart to Beam pipelines of other people.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.entities import ExtractEntities

__all__ = ["ExtractEntities"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class, imported with Beam when it is asked for
    if name != "ExtractEntities":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.entities import ExtractEntities

    return ExtractEntities
