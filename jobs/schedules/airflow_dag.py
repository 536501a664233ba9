"""An Airflow DAG that extracts entities every night from the documents that came since the last.

Put this file into Airflow's folder of DAGs: it imports nothing of gleaner, which runs from an
environment of its own (`python3.11 -m venv /opt/gleaner`) on the worker, as a user who reads
/srv/gleaner/documents and writes /srv/gleaner/entities. The task's log has the account of the run,
and the reason where it failed. A night without new documents is a success too: the how-to page has
what tells of many of them.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

COMMAND = (
    "/opt/gleaner/bin/python -m pipeline.run --runner=DirectRunner --only_new --quarantine "
    "--allow_no_input --input /srv/gleaner/documents --output /srv/gleaner/entities"
)

log = logging.getLogger(__name__)

# Flags, paths or model; too many dead letters or broken files; drift.
NEEDS_A_PERSON = frozenset({2, 3, 4})
OUTPUT_BUSY = 5


def tell_people(context: Any) -> None:  # noqa: ANN401 - Airflow's signature
    """Called once no try is left; the place for a notifier that your Airflow has (SMTP, Slack)."""
    log.error("gleaner failed: %s", context.get("exception"))


class Extraction(BashOperator):
    """A command whose exit code says whether to try again: no retry where a person is needed."""

    def execute(self, context: Any) -> Any:  # noqa: ANN401 - Airflow's signature
        try:
            return super().execute(context)
        except AirflowSkipException:
            raise
        except AirflowException as error:
            process = self.subprocess_hook.sub_process
            if process is not None and process.returncode in NEEDS_A_PERSON:
                raise AirflowFailException(str(error)) from error
            raise


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
        skip_on_exit_code=OUTPUT_BUSY,
        retries=2,
        retry_delay=timedelta(minutes=10),
        on_failure_callback=tell_people,
        execution_timeout=timedelta(hours=3),
    )
