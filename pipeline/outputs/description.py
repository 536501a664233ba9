"""What is known of a run before it starts, and is recorded of it however it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from platform import python_version

from model.drift.profile import Profile
from schemas.manifest import Configuration

_PACKAGES = ("gleaner", "apache-beam", "pyarrow", "numpy", "tensorflow")


@dataclass(frozen=True)
class Part:
    """Which part of a job a run is: the job's run id, the part's number from 1, and of how many."""

    of: str
    number: int
    count: int

    @property
    def run_id(self) -> str:
        """The id of the run that is this part."""
        return f"{self.of}.{self.number}"


@dataclass(frozen=True)
class RunDescription:
    """What is known of a run before it starts.

    inputs: the fingerprint of each source; shards: source and start of all that is to be read.
    max_dead_letters: the share of the records above which the run fails. skipped_files: how many
    were left out since they are done. part: which part of a job the run is. repairs: for sources
    whose dead letters are read again, the run that read them first. baseline: what the model's dev
    data are to it; min_confidence: entities below it are not written. warnings: sentences on what a
    person should look at.
    """

    run_id: str
    started_at: datetime
    model: str
    configuration: Configuration
    inputs: Mapping[str, str]
    shards: Sequence[tuple[str, int]] = ()
    keep_fields: tuple[str, ...] = ()
    max_dead_letters: float = 1.0
    skipped_files: int = 0
    part: Part | None = None
    repairs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    baseline: Profile | None = None
    min_confidence: float = 0.0
    warnings: tuple[str, ...] = ()


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide about the result."""
    return {"python": python_version(), **{name: _version(name) for name in _PACKAGES}}


def _version(package: str) -> str:
    candidates = (package, f"{package}-cpu")  # TensorFlow has builds under other names
    for name in candidates:
        try:
            return version(name)
        except ModuleNotFoundError:
            continue
    return "unknown"
