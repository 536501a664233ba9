"""What an error of a runner says of its cause, without what runners put around it."""

import re

_STEP = " [while running '"


def cause_of(error: BaseException) -> str:
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
