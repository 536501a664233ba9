"""The metrics that a run writes with --metrics, from their definitions."""

from jobs.docs.markdown import table
from pipeline.report.metrics import METRICS


def metrics_table() -> str:
    """A table in Markdown: each metric with what its values are by, and its meaning."""
    rows = [
        (f"`{metric.name}`", f"`{metric.label}`" if metric.label else "", metric.text)
        for metric in METRICS
    ]
    return table(("metric", "by", ""), rows)
