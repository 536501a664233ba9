"""An Airflow DAG that extracts entities every night from the documents that came since the last.

Put this file into Airflow's folder of DAGs: it imports nothing of gleaner, which runs from an
environment of its own (`python3.11 -m venv /opt/gleaner`) on the worker, as a user who reads
/srv/gleaner/documents and writes /srv/gleaner/entities. The task's log has the account of the run,
and the reason where it failed. A night without new documents is a success too: the how-to page has
what tells of many of them.

A DAG that reads the tables can wait for them with `schedule=Asset("gleaner")`: each success is an
event of that asset, which has the run's counts.
"""

import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

OUTPUT = "/srv/gleaner/entities"
COMMAND = (
    "/opt/gleaner/bin/python -m pipeline.run --runner=DirectRunner --only_new --quarantine "
    f"--allow_no_input --input /srv/gleaner/documents --output {OUTPUT}"
)
TABLES = Asset("gleaner", uri=f"file://{OUTPUT}")
COUNTS = ("files", "records", "documents", "dead_letters", "entities")

log = logging.getLogger(__name__)

# Flags, paths or model; too many dead letters or broken files; drift.
NEEDS_A_PERSON = frozenset({2, 3, 4})
OUTPUT_BUSY = 5


def tell_people(context: Any) -> None:  # noqa: ANN401 - Airflow's signature
    """Called once no try is left; the place for a notifier that your Airflow has (SMTP, Slack)."""
    log.error("gleaner failed: %s", context.get("exception"))


def counts_of(manifests: Iterable[Path]) -> dict[str, Any]:
    """The runs of these manifests, and their counts added up; nothing where one cannot be read."""
    try:
        runs = [json.loads(path.read_text("utf-8")) for path in sorted(manifests)]
        sums = {name: sum(run["counts"][name] for run in runs) for name in COUNTS}
        return {"runs": [run["run_id"] for run in runs], **sums}
    except (OSError, ValueError, LookupError, TypeError):
        log.warning("no counts for the asset", exc_info=True)
        return {}


class Extraction(BashOperator):
    """A command whose exit code says whether to try again: no retry where a person is needed.

    manifests: the folder where a run leaves an account of itself, which goes to the outlets.
    """

    def __init__(self, *, manifests: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.manifests = manifests

    def execute(self, context: Any) -> Any:  # noqa: ANN401 - Airflow's signature
        before = {*Path(self.manifests).glob("*.json")}
        try:
            last_line = super().execute(context)
        except AirflowSkipException:
            raise
        except AirflowException as error:
            process = self.subprocess_hook.sub_process
            if process is not None and process.returncode in NEEDS_A_PERSON:
                raise AirflowFailException(str(error)) from error
            raise
        after = {*Path(self.manifests).glob("*.json")}
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = counts_of(after - before)
        return last_line


with DAG(
    dag_id="gleaner",
    description="Extract named entities from new documents",
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # a run does all that is new, so past nights need none of their own
    max_active_runs=1,
):
    Extraction(
        task_id="extract",
        bash_command=COMMAND,
        manifests=f"{OUTPUT}/runs",
        outlets=[TABLES],
        skip_on_exit_code=OUTPUT_BUSY,
        retries=2,
        retry_delay=timedelta(minutes=10),
        on_failure_callback=tell_people,
        execution_timeout=timedelta(hours=3),
    )
