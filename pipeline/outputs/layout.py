"""Where everything of an output stands: all of its paths are made here."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from pipeline.outputs.current import RUN_ID, TABLE_FILE
from schemas.manifest import TABLE_NAMES, Manifest

STAGING = "_staging"
REPORTS = "reports"
RUNS = "runs"
PLAN = "plan.json"
GAZETTEER = "gazetteer.arrow"
LOCK = ".lock"
PUBLISHED = "_published.json"
PUBLISHED_LOCK = "_published.lock"
NAMES = "names"
NAME_COUNTS = "_names"  # what the table of names is made of, run by run
ICEBERG = "_iceberg"
DELTA_LOG = "_delta_log"
COPIES = (
    "_published"  # files that a published table has for itself; readers of Parquet pass it over
)
PARTIAL_MANIFEST = "manifest-"
PARTIAL_REPORT = "report-"


_TABLE = f"(?:{'|'.join(TABLE_NAMES)})"
_NAMES_FILE = rf"{NAMES}/{NAMES}(?:-empty)?\.parquet"
_COUNTS_FILE = rf"{NAME_COUNTS}/[0-9a-f]{{32}}\.parquet"
# What is there once: manifests, reports, views, names.
_SINGLE = rf"{RUNS}/[^/]+\.json|{REPORTS}/[^/]+\.html|current\.[^/]+|{_NAMES_FILE}|{_COUNTS_FILE}"

# All that gleaner writes into an output, but for what hides behind a dot or an underscore.
_OWN = re.compile(rf"{_TABLE}/run_id=.*|{_SINGLE}|(?:{STAGING}|{re.escape(LOCK)})(?:/.*)?")


# Of these, what nobody needs whom no manifest names: what was not yet or is no longer of a run.
_UNNAMED = re.compile(
    rf"{_TABLE}/run_id=(?P<run>{RUN_ID.pattern})/{TABLE_FILE}"
    rf"|{STAGING}/(?P<staged>{RUN_ID.pattern})/"
    rf"(?:{_TABLE}/{TABLE_FILE}|{re.escape(PLAN)}|{re.escape(GAZETTEER)}"
    rf"|(?:{PARTIAL_MANIFEST}|{PARTIAL_REPORT})[0-9a-f]+)"
    rf"|{STAGING}/probe-[0-9a-f]+|\.(?:current\.[^/]+|forgotten\.json)\.partial"
    rf"|{NAMES}/\.{NAMES}(?:-empty)?\.parquet\.partial|{NAME_COUNTS}/\.[0-9a-f]{{32}}\.parquet\.partial"
)


def run_of_unnamed(path: str) -> str | None:
    """The run of a file that no manifest names; empty where it has none, None where it is not ours.

    path: as it counts from the output.
    """
    found = _UNNAMED.fullmatch(path)
    return (found["run"] or found["staged"] or "") if found else None


def is_single(path: str) -> bool:
    """Whether a path that counts from an output is that of a manifest, a report or a view."""
    return re.fullmatch(_SINGLE, path) is not None


def is_own(path: str) -> bool:
    """Whether a path that counts from an output is of what gleaner writes there."""
    return _OWN.fullmatch(path) is not None


def table_file(name: str) -> str:
    """The name of a table's file: that of 32 hexadecimal digits, or of `empty`."""
    return f"part-{name}.parquet"


def is_published(path: str) -> bool:
    """Whether a path that counts from an output is of a published table that stands in it."""
    return re.match(rf"{_TABLE}/(?:{DELTA_LOG}|{COPIES})/", path) is not None


def is_table_file(path: str) -> bool:
    """Whether a file has a name that a table's file is given; no other is ever removed."""
    return re.fullmatch(TABLE_FILE, path.rpartition("/")[2]) is not None


def names_file(root: str) -> str:
    """Where the table of names of an output stands."""
    return f"{root}/{NAMES}/{NAMES}.parquet"


def empty_names_file(root: str) -> str:
    """Where a table of names without a row stands, for views that are made before there are any."""
    return f"{root}/{NAMES}/{NAMES}-empty.parquet"


def name_counts_file(root: str, digest: str) -> str:
    """Where the surfaces are counted of what counts of one run."""
    return f"{root}/{NAME_COUNTS}/{digest}.parquet"


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The places of one run below `root`, a local directory or a URL of a Beam filesystem."""

    root: str
    run_id: str

    @property
    def staging(self) -> str:
        return f"{self.root}/{STAGING}/{self.run_id}"

    @property
    def plan(self) -> str:
        """Where workers find what the run reads, on an object store too."""
        return f"{self.staging}/{PLAN}"

    @property
    def gazetteer(self) -> str:
        """Where workers find the terms of the run's gazetteer, ready to be looked for."""
        return f"{self.staging}/{GAZETTEER}"

    @property
    def manifest(self) -> str:
        return f"{self.root}/{RUNS}/{self.run_id}.json"

    @property
    def report(self) -> str:
        """The page that tells of the run; it is made of the rest, and counts for nothing."""
        return f"{self.root}/{REPORTS}/{self.run_id}.html"

    def table_directory(self, table: str) -> str:
        """Where a table's files stand once the run is committed."""
        return f"{self.root}/{table}/run_id={self.run_id}"

    def relative(self, table: str, path: str) -> str:
        """The committed place, relative to the root, of a file that was written as `path`."""
        return f"{table}/run_id={self.run_id}/{path.rpartition('/')[2]}"


def table_files(root: str, manifest: Manifest, table: str) -> list[str]:
    """The paths of a table's files that a manifest names, in its order; none where it has none."""
    tables = manifest.get("tables", {})
    return [f"{root}/{file['path']}" for file in tables[table]["files"]] if table in tables else []


def all_files(root: str, manifest: Manifest) -> Collection[str]:
    """The paths of all files that a manifest names."""
    tables = manifest.get("tables", {})
    return [path for table in tables for path in table_files(root, manifest, table)]
