"""The Beam job: one stage a file, `graph` wires them, `run` starts them.

`from pipeline import ExtractEntities` gives its heart to Beam pipelines of other people.
"""

import os
import sys

# As in `jobs`: a module of the working folder is not to stand for ours, nor for Python's own. (So
# nothing is imported for this that could be one.)
if (
    sys.argv[:1] == ["-m"]
    and not sys.flags.safe_path
    and sys.path[0] != os.path.dirname(os.path.dirname(__file__))
):
    del sys.path[0]

# Imports may take half a second, in which a request to end is to be heeded too.
from pipeline.console.start import is_started_as, leave_on_signals

if is_started_as(__name__):
    leave_on_signals()
    # Arrow reads it at import. Its default keeps what was freed: 50 MB of 360, at the same speed.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.entities import ExtractEntities

__all__ = ["ExtractEntities"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class, imported with Beam when it is asked for
    if name != "ExtractEntities":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.entities import ExtractEntities

    return ExtractEntities
