"""The alerts look at metrics that runs write, and there is one for each way to fail."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.report.metrics import METRICS
from schemas import errors
from schemas.errors import JobError
from tests.jobs.schedules.files import text_of

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "jobs/docs/pages/how-to/metrics.md"
FILE = "prometheus_alerts.yml"
# What else stands in our expressions: of PromQL.
WORDS = {"time", "absent", "max_over_time", "and"}

OUTPUT = '{output="/srv/gleaner/entities"}'
# What each alert fires at after three days of it, as series of promtool, at one value an hour.
FIRES = {
    "GleanerSuccessIsOld": {"gleaner_job_last_success_timestamp_seconds": "0x72"},
    "GleanerIsNotCollected": {},
    "GleanerFailed": {"gleaner_job_exit_code": "1x72"},
    "GleanerWasCalledWrongly": {"gleaner_job_exit_code": "2x72"},
    "GleanerLostTooMuch": {"gleaner_job_exit_code": "3x72"},
    "GleanerDriftRefused": {"gleaner_job_exit_code": "4x72", "gleaner_drift_level": "2x72"},
    "GleanerOutputIsHeld": {"gleaner_job_exit_code": "5x72"},
    "GleanerHasNoDocuments": {"gleaner_documents": "0x72"},
    "GleanerDrift": {"gleaner_drift_level": "2x72"},
    "GleanerDeadLetters": {"gleaner_dead_letters": "2x72"},
}
# A job that goes well each hour.
WELL = {
    "gleaner_job_exit_code": "0x72",
    "gleaner_job_last_success_timestamp_seconds": "0+3600x72",
    "gleaner_documents": "100x72",
    "gleaner_records": "101x72",
    "gleaner_dead_letters": "1x72",
    "gleaner_drift_level": "1x72",
}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(text_of(FILE))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_the_expressions_know_only_metrics_that_are_written() -> None:
    names = {metric.name for metric in METRICS}
    for rule in rules():
        words = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"\[\w+\]", "", rule["expr"])))
        assert words & names, rule["alert"]
        assert words <= names | WORDS, rule["alert"]


def test_there_is_one_alert_for_each_exit_code_that_is_a_failure() -> None:
    kinds = (value for value in vars(errors).values() if isinstance(value, type))
    codes = {kind.exit_code for kind in kinds if issubclass(kind, JobError)}
    found = [re.fullmatch(r"gleaner_job_exit_code == (\d)", rule["expr"]) for rule in rules()]
    assert [int(match[1]) for match in found if match] == sorted(codes)


def test_each_alert_says_how_bad_it_is_and_of_which_output_and_stands_on_the_page() -> None:
    listed = re.findall(r"^\| `(Gleaner\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert listed == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning")
        # There is no output to name where there is nothing.
        assert "$labels.output" in rule["annotations"]["summary"] or "absent" in rule["expr"]


def unit_test(rules_file: Path, given: dict[str, str], firing: set[str]) -> dict[str, Any]:
    """A file for promtool: with these series, these alerts fire after three days, and no others."""
    return {
        "rule_files": [str(rules_file)],
        "evaluation_interval": "1h",
        "tests": [
            {
                "interval": "1h",
                "input_series": [
                    {"series": f"{name}{OUTPUT}", "values": values}
                    for name, values in given.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": "count by (alertname) (ALERTS{alertstate='firing'})",
                        "eval_time": "71h",
                        "exp_samples": [
                            {"labels": f'{{alertname="{name}"}}', "value": 1}
                            for name in sorted(firing)
                        ],
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize("alert", [None, *FIRES])
def test_prometheus_fires_each_alert_at_what_it_is_for_and_at_nothing_else(
    alert: str | None, tmp_path: Path
) -> None:
    """With promtool, where the machine has it (Debian: package `prometheus`)."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    assert {rule["alert"] for rule in rules()} == FIRES.keys()
    changed = FIRES[alert] if alert else {}
    given = {} if alert == "GleanerIsNotCollected" else {**WELL, **changed}
    (tmp_path / FILE).write_text(text_of(FILE))
    test = unit_test(tmp_path / FILE, given, {alert} if alert else set())
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    command = [promtool, "test", "rules", str(tmp_path / "test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
