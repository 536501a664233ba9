"""An output keeps the data contract, and dbt's sources read it.

datacontract-cli and dbt themselves say so where the environment names an interpreter that has them
(`make test-contract`).
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from jobs.docs.contract import dbt_sources_yaml
from schemas.rules import RULES
from schemas.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]


Ask = Callable[[str], list[Any]]


@pytest.fixture
def ask(two_nights: Path) -> Iterator[Ask]:
    """What answers SQL about the tables of an output, where dbt's sources say that they are."""
    (source,) = yaml.safe_load(dbt_sources_yaml())["sources"]
    location = source["config"]["meta"]["external_location"]
    with duckdb.connect() as connection:
        for name in TABLES:
            place = location.replace('{{ env_var("GLEANER_OUTPUT", "out") }}', f"{two_nights}/out")
            select = f"SELECT * FROM {place.format(name=name)}"  # noqa: S608 - paths of our own
            connection.execute(f"CREATE VIEW {name} AS {select}")
        yield lambda query: connection.execute(query).fetchall()


def test_every_rule_holds_of_two_nights(ask: Ask) -> None:
    """With documents that were read twice, files that broke off and records that are none."""
    for name, rules in RULES.items():
        assert ask(f"SELECT count(*) FROM {name}") > [(0,)]  # noqa: S608
        for rule in rules:
            assert ask(rule.query.format(object=name)) == [(0,)], rule.name


def test_no_two_documents_have_the_same_key(ask: Ask) -> None:
    assert (
        ask("SELECT run_id, source, record FROM documents GROUP BY ALL HAVING count(*) > 1 LIMIT 1")
        == []
    )


def test_duckdb_finds_the_columns_and_types_that_the_sources_name(ask: Ask) -> None:
    (source,) = yaml.safe_load(dbt_sources_yaml())["sources"]
    for table in source["tables"]:
        described = ask(f"DESCRIBE {table['name']}")
        types = {column["name"]: column["data_type"] for column in table["columns"]}
        assert {name: kind for name, kind, *_ in described if name in types} == types


def test_datacontract_cli_finds_nothing_wrong_but_what_was_broken_and_dbt_reads_all(
    two_nights: Path, tmp_path: Path
) -> None:
    python = os.environ.get("GLEANER_CONTRACT")
    if not python:
        pytest.skip("GLEANER_CONTRACT names no Python that has datacontract-cli and dbt")
    command = [python, str(ROOT / ".ci/check_contract.py"), f"{two_nights}/out"]
    subprocess.run(command, cwd=tmp_path, check=True)
