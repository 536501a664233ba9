"""How a run that failed ends: its rows go, and its manifest says why; unless it is committed."""

import re
from enum import Enum

from pipeline.manifest import RunDescription, encode_manifest, failed_manifest
from pipeline.storage import RunStorage

_STEP = " [while running '"


class Ending(Enum):
    """What became of a run that failed or was interrupted."""

    RECORDED = "its manifest says why"
    UNRECORDED = "there was no room for a manifest"
    COMMITTED = "it had been committed before"


def end_run(run: RunDescription, storage: RunStorage, error: str) -> Ending:
    """Take back what the run wrote, and write down the error; a committed run stays as it is.

    The commit may still be under way in another thread. Once the staged tables are gone it
    publishes no more, and of its manifest and the failed one the first counts.
    """
    storage.unstage()
    try:
        is_first = storage.create_manifest(encode_manifest(failed_manifest(run, error)))
    except Exception:  # noqa: BLE001 - what failed the run, a disk or a store, may refuse this too
        storage.tidy()
        return Ending.UNRECORDED
    storage.tidy()
    return Ending.RECORDED if is_first else Ending.COMMITTED


def cause_of(error: Exception) -> str:
    """What an error says of its cause, without what Beam, Python and Java put around it."""
    # Of a job that was cancelled, Dataflow says that its error is "None".
    lines = [line for line in str(error).strip().splitlines() if line != "None"]
    lines = lines or [type(error).__name__]
    in_python = [line for line in lines if _STEP in line]
    in_java = [line for line in lines if line.strip().startswith("Caused by: ")]
    said, _, step = (in_python or in_java or lines)[-1].partition(_STEP)
    stage = re.split("[/']", step)[0]
    said = re.sub(r"^(Caused by: )?(\w+[.$][\w.$]+: )*((\w+: )*\[Errno \d+\] )?", "", said.strip())
    return f"{said}, in {stage}" if step else said
