"""What a job did, as a textfile of metrics: node_exporter collects it for Prometheus.

All are gauges of the last job, none a counter: a counter would have to live on from job to job.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from model.drift.compare import LEVELS
from model.host.durable_files import replace_file
from model.host.regular_files import open_regular
from pipeline.console.printing import warn
from pipeline.console.text import first_line
from pipeline.report.summary import listed_alone
from pipeline.report.tables import RunTables
from schemas.errors import exit_code_of
from schemas.manifest import Drift, Manifest

_MODE = 0o644  # node_exporter is another user
_MOST_BYTES = 1_000_000  # of the file before, which is looked through for one line
_NOT_COUNTED = "(not counted)"  # the error of dead letters that are too many to be read


class Metric(NamedTuple):
    """A gauge by its name; label: what its values are by, beside the output."""

    name: str
    text: str
    label: str = ""


EXIT_CODE = Metric("gleaner_job_exit_code", "Exit code of the last job")
START = Metric("gleaner_job_start_timestamp_seconds", "When the last job started")
END = Metric("gleaner_job_end_timestamp_seconds", "When the last job ended")
SUCCESS = Metric(
    "gleaner_job_last_success_timestamp_seconds", "When a job last ended with exit code 0"
)
SECONDS = Metric("gleaner_job_duration_seconds", "How long the last job took")
RUNS = Metric("gleaner_runs", "Runs of the last job by what became of them", "status")
FILES = Metric("gleaner_files", "Files of the input by what became of them", "state")
ERRORS = Metric(
    "gleaner_dead_letters_by_error",
    "Rows of the table dead_letters by class of the error, those of whole files too",
    "error",
)
LABELS = Metric("gleaner_entities_by_label", "Entities by label", "label")
TERMS = Metric("gleaner_gazetteer_terms", "Terms of the lists (`--gazetteer`)")
FIRED = Metric(
    "gleaner_gazetteer_terms_fired",
    "Terms that made, marked or forbade an entity; of a job in parts in the part with most of them",
)
LISTED = Metric("gleaner_gazetteer_entities", "Entities that the lists found and the model did not")
LEVEL = Metric(
    "gleaner_drift_level", "Drift of the documents: 0 stable, 1 moderate, 2 drift; the worst run's"
)
STATISTIC_LEVEL = Metric(
    "gleaner_drift_statistic_level",
    "Drift in one statistic: 0 stable, 1 moderate, 2 drift",
    "statistic",
)
STATISTIC = Metric(
    "gleaner_drift_statistic",
    "Distance from the model's dev data, or from the last run, as the manifest has it",
    "statistic",
)

# Of these a manifest has the counts by the same names.
TOTALS = {
    "records": Metric("gleaner_records", "Records read"),
    "documents": Metric("gleaner_documents", "Documents that the records became"),
    "dead_letters": Metric("gleaner_dead_letters", "Records that became dead letters"),
    "characters": Metric("gleaner_characters", "Code points of the documents"),
    "tokens": Metric("gleaner_tokens", "Tokens of the documents"),
    "entities": Metric("gleaner_entities", "Entities that were found"),
}

METRICS = (
    *(EXIT_CODE, START, END, SUCCESS, SECONDS, RUNS, FILES),
    *(*TOTALS.values(), LABELS, TERMS, FIRED, LISTED, ERRORS),
    *(LEVEL, STATISTIC_LEVEL, STATISTIC),
)

Values = Mapping[Metric, Mapping[str, float]]


class JobMetrics:
    """What the runs of a job did, added up; of drift and of terms, the most.

    problem: what is not counted.
    """

    def __init__(self) -> None:
        self._values: dict[Metric, Counter[str]] = {}
        self._most: dict[Metric, dict[str, float]] = {}
        self.problem = ""

    @property
    def values(self) -> Values:
        """By metric and by what stands for its label, which is empty where it has none."""
        return {**self._values, **self._most}

    def add(self, manifest: Manifest, output: str) -> None:
        """Count a run that was committed, had nothing to do or was refused."""
        self._count(RUNS, {manifest["status"]: 1})
        counts = manifest["counts"]
        for name, total in counts.items():
            if name in TOTALS and isinstance(total, int):
                self._count(TOTALS[name], {"": total})
        broken = counts["broken_files"]
        states = {
            "complete": counts["files"] - broken,
            "broken": broken,
            "skipped": counts.get("skipped_files", 0),
            "unread": counts.get("unread", 0),
        }
        self._count(FILES, states)
        self._count(LABELS, counts["entities_by_label"])
        self._add_drift(manifest.get("drift", {}))
        if lists := manifest.get("gazetteer"):
            self._raise(TERMS, lists["terms"])
            self._raise(FIRED, lists["fired"])
            self._count(LISTED, {"": listed_alone(lists)})
        self._count(ERRORS, _dead_letters_by_error(manifest, output))  # last: it reads files

    def _count(self, metric: Metric, numbers: Mapping[str, int]) -> None:
        self._values.setdefault(metric, Counter()).update(numbers)

    def _raise(self, metric: Metric, value: float, name: str = "") -> None:
        most = self._most.setdefault(metric, {})
        most[name] = max(value, most.get(name, value))

    def _add_drift(self, drift: Drift) -> None:
        if "level" in drift:
            self._raise(LEVEL, LEVELS.index(drift["level"]))
        for name, statistic in drift.get("statistics", {}).items():
            if "level" in statistic:
                self._raise(STATISTIC_LEVEL, LEVELS.index(statistic["level"]), name)
                self._raise(STATISTIC, statistic["value"], name)


def _dead_letters_by_error(manifest: Manifest, output: str) -> Counter[str]:
    tables = RunTables(output, manifest)
    errors: Counter[str] = Counter()
    for batch in tables.batches("dead_letters", ["error"]):
        for row in batch["error"].value_counts().to_pylist():
            errors[row["values"]] += row["counts"]
    if left := tables.left_out("dead_letters"):
        errors[_NOT_COUNTED] += left
    return errors


class Job(NamedTuple):
    """A job under way, whose metrics go to a file, if to any."""

    output: str
    metrics: JobMetrics | None

    def add(self, manifest: Manifest) -> None:
        """Count a run of the job; what cannot be counted is told with the file."""
        if self.metrics:
            try:
                self.metrics.add(manifest, self.output)
            except Exception as error:  # noqa: BLE001 - of a store, any
                self.metrics.problem = (
                    f"not all of run {manifest['run_id']} is in it ({first_line(error)})"
                )


@contextlib.contextmanager
def metrics_written(file: str | None, output: str) -> Iterator[Job]:
    """Within, a job that adds its runs; however it ends, the file then has its metrics.

    file: None for a job without. output: an absolute path or a URL, the label of all metrics, so
    that node_exporter can collect the files of several jobs. What keeps the file from being written
    is a warning. Of a job that failed, the time of the last success is that of the file before.
    """
    if file is None:
        yield Job(output, None)
        return
    metrics, start, begun = JobMetrics(), time.time(), time.monotonic()
    code = 0
    try:
        yield Job(output, metrics)
    except BaseException as error:
        code = exit_code_of(error)
        raise
    finally:
        times = {START: start, END: time.time(), SECONDS: time.monotonic() - begun}
        _try_write(Path(file), output, metrics, {EXIT_CODE: code, **times})


def _try_write(file: Path, output: str, metrics: JobMetrics, facts: Mapping[Metric, float]) -> None:
    """Write the file, or warn.

    The work is over, so an interrupt changes nothing either: the exit code is that of the work.
    """
    problem = metrics.problem
    try:
        success = last_success(file, output, facts[END]) if facts[EXIT_CODE] else facts[END]
        values = {metric: {"": value} for metric, value in facts.items()}
        values |= {SUCCESS: {"": success}} if success else {}
        replace_file(file, exposition({**metrics.values, **values}, output), _MODE)
    except BaseException as error:  # noqa: BLE001 - as above
        problem = f"it could not be written ({first_line(error)})"
    if problem:
        warn(f"--metrics {file}: {problem}; of the job nothing is changed by that")


def last_success(file: Path, output: str, now: float) -> float | None:
    """When a job with this output last succeeded, as the file of the job before says, if it does.

    Of a file that is damaged, the line alone needs to be whole.
    """
    from prometheus_client.parser import text_string_to_metric_families

    with contextlib.suppress(OSError), open_regular(file) as stream:
        for line in stream.read(_MOST_BYTES).decode(errors="replace").split("\n"):
            if line.startswith(SUCCESS.name):
                with contextlib.suppress(Exception):  # whatever a parser makes of such a line
                    (family,) = text_string_to_metric_families(line)
                    (sample,) = family.samples
                    if sample.labels == {"output": output} and 0 < sample.value <= now:
                        return float(sample.value)
    return None


def exposition(values: Values, output: str) -> bytes:
    """Values in, the file out, in Prometheus' text format; a metric without values is left out."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()  # of its own: the default one has metrics of the process
    for metric in METRICS:
        names = ["output", *([metric.label] if metric.label else [])]
        if numbers := values.get(metric):
            gauge = Gauge(metric.name, metric.text, names, registry=registry)
            for name, value in sorted(numbers.items()):
                gauge.labels(*[output, name][: len(names)]).set(value)
    return generate_latest(registry)
