"""What the system says of this machine."""

import platform
import re
from pathlib import Path


def processor_name() -> str:
    """The processor's name, as its maker has it where the system tells (Linux)."""
    name = re.search(r"(?m)^model name\s*:\s*(.+)$", read_system("/proc/cpuinfo"))
    return name[1].strip() if name else platform.processor() or platform.machine()


def read_system(path: str) -> str:
    """What the system says there; nothing where a process ended meanwhile, or of no Linux."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""
