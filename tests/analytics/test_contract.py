"""An output keeps the data contract, and dbt's sources read it.

datacontract-cli and dbt themselves say so where the environment names an interpreter that has them
(`make test-contract`).
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from jobs.docs.contract import dbt_sources_yaml
from schemas.rules import RULES
from schemas.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def reader(two_nights: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of an output by their names, from where dbt's sources say that they are."""
    (source,) = yaml.safe_load(dbt_sources_yaml())["sources"]
    location = source["config"]["meta"]["external_location"]
    with duckdb.connect() as connection:
        for name in TABLES:
            place = location.replace('{{ env_var("GLEANER_OUTPUT", "out") }}', f"{two_nights}/out")
            select = f"SELECT * FROM {place.format(name=name)}"  # noqa: S608 - paths of our own
            connection.execute(f"CREATE VIEW {name} AS {select}")
        yield connection


def test_every_rule_holds_of_two_nights(reader: duckdb.DuckDBPyConnection) -> None:
    """With documents that were read twice, files that broke off and records that are none."""
    for name, rules in RULES.items():
        assert reader.execute(f"SELECT count(*) FROM {name}").fetchall() > [(0,)]  # noqa: S608
        for rule in rules:
            assert reader.execute(rule.query.format(object=name)).fetchall() == [(0,)], rule.name


def test_duckdb_finds_the_columns_and_types_that_the_sources_name(
    reader: duckdb.DuckDBPyConnection,
) -> None:
    (source,) = yaml.safe_load(dbt_sources_yaml())["sources"]
    for table in source["tables"]:
        described = reader.execute(f"DESCRIBE {table['name']}").fetchall()
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
