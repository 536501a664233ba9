"""A job from its configuration to its account: extract, publish what counts, write metrics."""

import contextlib

from pipeline.configuration.extraction import ExtractionConfig
from pipeline.console.printing import console
from pipeline.extraction import extract_runs
from pipeline.lineage.observing import open_lineage
from pipeline.publication.publish import publishing
from pipeline.report.metrics import metrics_written
from pipeline.report.summary import as_event, format_summary


def run_job(config: ExtractionConfig) -> None:
    """Do what is configured and print an account of each run; raises JobError for what fails."""
    tell = console()
    tell.about(run_id=config.run_id)
    tell.event("job_started", output=config.output, model=config.model)
    with (
        open_lineage() as lineage,
        metrics_written(config.metrics, config.output) as job,
        publishing(config.output, config.publish, config.keep_fields, lineage),
        contextlib.closing(extract_runs(config, lineage)) as outcomes,
    ):
        for manifest, has_report, refusal in outcomes:
            job.add(manifest)
            if not refusal:  # which is raised once all runs have ended
                tell.account(
                    format_summary(manifest, config.output, tell.paint, has_report=has_report),
                    as_event(manifest, config.output, has_report=has_report),
                )
