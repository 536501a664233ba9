"""Whether lineage is told, and as whose: read from the environment, as OpenLineage's client does.

What it is told to, and how, is the client's own business, and no flag of ours.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

NAMESPACE = "gleaner"
FILE = "openlineage.yml"

_TRANSPORT = "OPENLINEAGE__TRANSPORT"


class ParentRun(NamedTuple):
    """A run that started this one: of a scheduler, say."""

    namespace: str
    job: str
    run_id: str


@dataclass(frozen=True)
class LineageConfig:
    """As what lineage is told: the namespace of the jobs, and the runs that started this command.

    parent: that did so itself; root: the first of the whole chain.
    """

    namespace: str = NAMESPACE
    parent: ParentRun | None = None
    root: ParentRun | None = None


def lineage_config(environment: Mapping[str, str], folders: Sequence[str]) -> LineageConfig | None:
    """The configuration; None where there is none, and then nothing of lineage happens.

    folders: where the client looks for its file. Nothing is imported: this is asked at each start.
    """
    if environment.get("OPENLINEAGE_DISABLED", "").lower().strip() == "true":
        return None
    named = any(environment.get(name) for name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG"))
    if not (
        named
        or any(name.startswith(_TRANSPORT) for name in environment)
        or any(os.path.isfile(f"{folder}/{FILE}") for folder in folders)
    ):
        return None
    parent = parent_run(environment.get("OPENLINEAGE_PARENT_ID", ""))
    return LineageConfig(
        namespace=environment.get("OPENLINEAGE_NAMESPACE") or NAMESPACE,
        parent=parent,
        root=parent_run(environment.get("OPENLINEAGE_ROOT_PARENT_ID", "")) or parent,
    )


def parent_run(text: str) -> ParentRun | None:
    """`NAMESPACE/JOB/RUN`, as Airflow hands it on, in; None for what is no such name.

    RUN is a UUID. Where there are more slashes they are of the namespace, which may be a URL.
    """
    namespace, _, rest = text.strip().rpartition("/")
    namespace, _, job = namespace.rpartition("/")
    try:
        run_id = str(UUID(rest))
    except ValueError:
        return None
    return ParentRun(namespace, job, run_id) if namespace and job else None


def client_folders() -> Sequence[str]:
    """Where the client looks for `openlineage.yml`: here, and in the user's own folder."""
    return ".", os.path.expanduser("~/.openlineage")
