"""The manifest of a run, `runs/ID.json`, as types; `manifest.schema.json` describes each key.

Keys that only some runs have are `NotRequired`; whoever reads one of them knows the run's status.
"""

from typing import Any, Literal, NotRequired, TypedDict, get_args

Status = Literal["committed", "empty", "failed", "rolled_back"]
Level = Literal["stable", "moderate", "drift"]
TableName = Literal["entities", "documents", "dead_letters"]

TABLE_NAMES: tuple[TableName, ...] = get_args(TableName)

# Records that were read and not wanted, by why: neither documents nor dead letters, only counted.
Aside = Literal["withheld", "left_out"]

ASIDES: tuple[Aside, ...] = get_args(Aside)


class PartOfJob(TypedDict):
    """Which part of a job a run is: the job's run id, the part's number from 1, and of how many."""

    of: str
    number: int
    count: int


class Configuration(TypedDict):
    """What the flags of the same names said, defaults filled in."""

    input: list[str]
    input_format: str
    id_field: str
    text_field: str
    keep_fields: list[str]
    languages: NotRequired[list[str]]
    max_record_mb: NotRequired[int]
    encoding: NotRequired[str]
    csv_delimiter: NotRequired[str]
    csv_escape: NotRequired[str]
    max_window_mb: NotRequired[int]
    keep_text: str
    min_confidence: NotRequired[float]
    gazetteer: NotRequired[list[str]]
    max_dead_letters: NotRequired[float]
    batch_tokens: int
    folded_words: NotRequired[int]
    target_file_mb: int
    runner: str
    flat: NotRequired[bool]
    only_new: NotRequired[bool]
    backfill: NotRequired[bool]
    restore_forgotten: NotRequired[bool]
    max_broken_files: NotRequired[float]
    quarantine: NotRequired[bool]
    commit_shards: NotRequired[int | None]
    fail_on_drift: NotRequired[bool]


class Timings(TypedDict):
    """When the run started and ended, ISO 8601 in UTC, and how long that was."""

    started_at: str
    finished_at: str
    seconds: float


class Counts(TypedDict):
    """Totals of a run; records = documents + dead_letters + withheld + left_out."""

    files: int
    skipped_files: NotRequired[int]
    broken_files: int
    records: int
    documents: int
    dead_letters: int
    withheld: NotRequired[int]
    left_out: NotRequired[int]
    sentences: int
    tokens: int
    unknown_tokens: int
    characters: int
    entities: int
    entities_by_label: dict[str, int]
    unread: NotRequired[int]
    unread_by_reason: NotRequired[dict[str, int]]


class InputEntry(TypedDict):
    """A file that was read, and what became of its records."""

    source: str
    fingerprint: str
    records: int
    documents: int
    dead_letters: int
    withheld: NotRequired[int]
    left_out: NotRequired[int]
    entities: int
    complete: bool
    repairs: NotRequired[str]
    real_path: NotRequired[str]


class UnreadEntry(TypedDict):
    """What was seen in the input and not read: a file, or a folder with all that is in it."""

    path: str
    reason: str
    detail: NotRequired[str]


class FileEntry(TypedDict):
    """A Parquet file; its path counts from the output.

    inputs: those that have rows in it, by their numbers in the run's `inputs`, from 0.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    inputs: NotRequired[list[int]]


class TableEntry(TypedDict):
    """The files of one table."""

    rows: int
    bytes: int
    files: list[FileEntry]


class TermEntry(TypedDict):
    """A term of a gazetteer, and how often it was found or forbade an entity."""

    term: str
    label: str
    policy: str
    count: int


class Disagreement(TypedDict):
    """A term, and how often the model has another label where it stands."""

    term: str
    label: str
    policy: str
    model: str
    count: int


class GazetteerEntry(TypedDict):
    """Users' lists of terms, and how they fared in a run; of many terms the first are named.

    fired: how many took effect; disagreed: at how many the model has another label;
    entities_by_label: the entities which the model did not find.
    """

    files: list[str]
    terms: int
    fired: int
    disagreed: int
    entities_by_label: dict[str, int]
    most: list[TermEntry]
    never: list[str]
    disagreements: list[Disagreement]


class Forgotten(TypedDict):
    """When rows were erased for good, and how many of each table."""

    at: str
    entities: int
    documents: int
    dead_letters: int


class Statistic(TypedDict, total=False):
    """One statistic of a run beside that of its model's dev data, or the reason why it is not."""

    level: Level
    value: float
    limits: list[float]
    baseline: Any  # counts or a rate, as the statistic has them
    run: Any
    reason: str
    last_run: str
    label: str


class Drift(TypedDict, total=False):
    """How far a run's documents are from the model's dev data, or why that is not known."""

    level: Level
    statistics: dict[str, Statistic]
    reason: str


class Manifest(TypedDict):
    """The account of one run; written last, and what it does not name does not exist."""

    run_id: str
    status: Status
    schema_version: int
    part: NotRequired[PartOfJob]
    replaces: NotRequired[list[str]]
    forgotten: NotRequired[list[Forgotten]]
    model: str
    configuration: Configuration
    versions: dict[str, str]
    timings: Timings
    error: NotRequired[str]
    rolled_back_at: NotRequired[str]
    warnings: NotRequired[list[str]]
    counts: NotRequired[Counts]
    drift: NotRequired[Drift]
    gazetteer: NotRequired[GazetteerEntry]
    unread: NotRequired[list[UnreadEntry]]
    inputs: NotRequired[list[InputEntry]]
    tables: NotRequired[dict[str, TableEntry]]
