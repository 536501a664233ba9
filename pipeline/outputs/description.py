"""What is known of a run before it starts, and is recorded of it however it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from platform import python_version

from model.drift.last_run import LastRun
from model.drift.profile import Profile
from model.host.installation import installed_version
from pipeline.inputs.walk import Unread
from schemas.manifest import Configuration

_PACKAGES = ("apache-beam", "pyarrow", "numpy", "tensorflow")


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
    data are to it; min_confidence: entities below it are not written. max_broken_files: the share
    of the files above which the run fails where they cannot be read to their end; None: any may be.
    quarantine: what is good is committed in spite of both shares. fail_on_drift:
    whether the run fails where it drifts; last: the run to compare it with. language,
    cuts_characters: the model's, as `language_warnings` takes them. warnings: sentences on what
    a person should look at. unread: what was seen in the input and is not read. real_paths: of each
    source that is a link, or stands behind one, its path without links. forgotten: of the sources,
    those that are withheld and not named. gazetteer: the names of its files.
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
    max_broken_files: float | None = None
    quarantine: bool = False
    fail_on_drift: bool = False
    last: LastRun | None = None
    gazetteer: tuple[str, ...] = ()
    forgotten: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    language: str | None = None
    cuts_characters: bool = True
    unread: Sequence[Unread] = ()
    real_paths: Mapping[str, str] = field(default_factory=dict)


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide about the result."""
    own = {"python": python_version(), "gleaner": installed_version()}
    return own | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    candidates = (package, f"{package}-cpu")  # TensorFlow has builds under other names
    for name in candidates:
        try:
            return version(name)
        except ModuleNotFoundError:
            continue
    return "unknown"
