"""What a person or a scheduler starts: train, evaluate."""

import os
import sys

# `python -m` looks into the working folder first, where a `model.py` or `json.py` of somebody's
# would be taken for the module of that name, and last of all still for one that a library tries
# whether it is there. (So nothing is imported for this that could be one.)
if (
    sys.argv[:1] == ["-m"]
    and not sys.flags.safe_path
    and sys.path[0] != os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - as above
):
    del sys.path[0]

# Imports may take half a second, in which a request to end is to be heeded too.
from pipeline.console.start import is_started_as, leave_on_signals

if is_started_as(__name__):
    leave_on_signals()
