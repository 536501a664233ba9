"""The page on published tables has Spark's packages and settings as `make test-spark` runs them."""

import re
from pathlib import Path

import pytest

from tests.pipeline.publication.joined import shown_query

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "jobs/docs/pages/how-to/open-tables.md").read_text("utf-8")


@pytest.fixture(autouse=True)
def _in_checkout() -> None:
    """An installed gleaner comes without what tests Spark."""
    if not (ROOT / ".ci").exists():
        pytest.skip("not in a checkout")


def test_the_packages_are_those_that_were_run() -> None:
    pom = (ROOT / ".ci/spark/pom.xml").read_text("utf-8")
    tags = r"<groupId>(.*)</groupId>\s+<artifactId>(.*)</artifactId>\s+<version>(.*)</version>"
    wanted = {":".join(parts) for parts in re.findall(tags + r"\s+</dependency>", pom)}
    named = re.findall(r'"spark\.jars\.packages",\s+"([^"]+)"', PAGE)
    assert set(",".join(named).split(",")) == wanted
    lock = (ROOT / ".ci/spark.lock").read_text("utf-8")
    (spark,) = re.findall(r"^pyspark==(\S+)", lock, re.MULTILINE)
    assert f"Spark {spark}," in PAGE


def test_both_pages_join_names_alike() -> None:
    """By what is run with DuckDB and Spark."""
    assert shown_query("names.md") == shown_query("open-tables.md")


def test_the_settings_are_those_that_were_run() -> None:
    script = (ROOT / ".ci/published_with_spark.py").read_text("utf-8")
    run = dict(re.findall(r'"(spark\.sql\.(?:extensions|catalog)\S*)": f?"(.*)"', script))
    run.pop("spark.sql.catalog.gleaner.cache-enabled")
    shown = dict(re.findall(r'"(spark\.sql\.\S+)", "(.*)"', PAGE))
    assert shown == {name: value.format(output="/srv/out") for name, value in run.items()}
