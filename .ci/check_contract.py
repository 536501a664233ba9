"""Tests an output against the data contract, and reads it with dbt: `check_contract.py OUTPUT`.

Runs in the environment of .ci/contract.lock, with datacontract-cli and dbt themselves. What the
contract is to find is broken on copies of the output.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import yaml
from datacontract.data_contract import DataContract
from dbt.cli.main import dbtRunner

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
CONTRACT, SOURCES = SCHEMAS / "tables.odcs.yaml", SCHEMAS / "dbt_sources.yml"
TABLES = ("entities", "documents", "dead_letters")
FILES = "read_parquet('{}/{}/*/*.parquet', hive_types_autocast=false, union_by_name=true)"

# datacontract-cli looks at the types of a database, and not yet at those of Parquet files.
UNTYPED = "Checking types in parquet files is not supported yet."

PROJECT = {"name": "readers", "version": "1.0", "profile": "readers", "model-paths": ["models"]}
PROFILE = {"readers": {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": "dev.db"}}}}
MODEL = """\
SELECT label, count(*) AS mentions
FROM {{ source('gleaner', 'entities') }} JOIN {{ source('gleaner', 'documents') }}
USING (run_id, source, record) GROUP BY label
"""


class Break(NamedTuple):
    """What is done to a table, as the columns of a SELECT, and the check that is to fail by it."""

    table: str
    columns: str
    check: str


BREAKS = (
    Break("entities", "* REPLACE (start_char AS end_char)", "an entity has a first code point"),
    Break("entities", "* REPLACE (1.5::FLOAT AS confidence)", "confidence is above 0"),
    Break("entities", "* REPLACE (NULL::VARCHAR AS label)", "label has no missing values"),
    Break("entities", "* REPLACE (record + 1 AS record)", "no values missing from documents"),
    Break("documents", "* EXCLUDE (tokens)", "'tokens' is present"),
    Break("documents", "* REPLACE (record::VARCHAR AS record)", "record has type integer"),
)


def require(promise: str, *, holds: bool) -> None:
    """Leave with a sentence and exit code 1 unless the promise holds."""
    if not holds:
        print(f"check_contract: failed: {promise}", file=sys.stderr)
        sys.exit(1)
    print(f"check_contract: {promise}")


def contract_for(server: Mapping[str, str]) -> DataContract:
    """The contract with a server, which is what a user adds to it."""
    contract = yaml.safe_load(CONTRACT.read_text("utf-8"))
    contract["servers"] = [{"server": "here", **server}]
    return DataContract(data_contract_str=yaml.safe_dump(contract), server="here")


def failed_checks(server: Mapping[str, str]) -> tuple[int, list[str]]:
    """How many checks were made at a server, and the names of those that did not pass."""
    checks = contract_for(server).test().checks
    typed = [check for check in checks if check.reason != UNTYPED]
    wrong = [check for check in typed if check.result != "passed"]
    return len(typed), [f"{check.name} ({check.reason})" for check in wrong]


def files_of(output: str) -> dict[str, str]:
    """The files of an output as a server."""
    return {"type": "local", "path": f"{output}/{{model}}/*/*.parquet", "format": "parquet"}


def database_of(output: str, file: Path) -> dict[str, str]:
    """A database with a view of each table, as a server."""
    with duckdb.connect(str(file)) as database:
        for table in TABLES:
            select = f"SELECT * FROM {FILES.format(output, table)}"  # noqa: S608 - paths of our own
            database.execute(f"CREATE VIEW {table} AS {select}")
    return {"type": "duckdb", "database": str(file), "schema": "main"}


def broken(output: str, change: Break, to: Path) -> str:
    """A copy of an output in which one table is broken."""
    for table in TABLES:
        columns = change.columns if table == change.table else "*"
        select = f"SELECT {columns} FROM {FILES.format(output, table)}"  # noqa: S608 - as above
        (to / table).mkdir(parents=True)
        duckdb.execute(f"COPY ({select}) TO '{to}/{table}' (FORMAT parquet, PARTITION_BY run_id)")
    return str(to)


def check_contract(output: str, scratch: Path) -> None:
    """The contract is valid, the output keeps it, and a broken one does not."""
    lint = DataContract(data_contract_file=str(CONTRACT)).lint()
    require(f"the contract is valid: {lint.result.value}", holds=lint.result == "passed")
    servers = {"files": files_of(output), "database": database_of(output, scratch / "whole.db")}
    for name, server in servers.items():
        count, wrong = failed_checks(server)
        require(f"{count} checks of the {name} find {wrong}", holds=count > 0 and not wrong)
    for number, change in enumerate(BREAKS):
        copy = broken(output, change, scratch / f"copy{number}")
        _, wrong = failed_checks(database_of(copy, scratch / f"copy{number}.db"))
        expected = [name for name in wrong if change.check in name]
        require(f"{change.table} with {change.columns} fails {expected[:1]}", holds=bool(expected))
    copy = broken(output, BREAKS[0], scratch / "files")
    _, wrong = failed_checks(files_of(copy))
    require("files that are broken are found too", holds=any(BREAKS[0].check in w for w in wrong))


def columns_of(sources: str) -> dict[str, Any]:
    """Of each table its description, and its columns by their names, without their types."""
    (source,) = yaml.safe_load(sources)["sources"]
    tables = {}
    for table in source["tables"]:
        columns = {column.pop("name"): column for column in table["columns"]}
        for column in columns.values():
            column.pop("data_type", None)
            # What it has for a type of which Snowflake, its default, has none.
            kept = [test for test in column.get("data_tests", ()) if isinstance(test, str)]
            column["data_tests"] = kept
        tables[table["name"]] = (table["description"], columns)
    return tables


def check_dbt(output: str, scratch: Path) -> None:
    """The sources are those that the contract's own tool makes of it, and dbt reads with them."""
    exported = DataContract(data_contract_file=str(CONTRACT)).export("dbt-sources")
    is_same = columns_of(str(exported)) == columns_of(SOURCES.read_text("utf-8"))
    require("datacontract export dbt-sources has the same tables and columns", holds=is_same)
    project = scratch / "project"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text(yaml.safe_dump(PROJECT))
    (project / "profiles.yml").write_text(yaml.safe_dump(PROFILE))
    (project / "models/mentions.sql").write_text(MODEL)
    shutil.copy(SOURCES, project / "models")
    os.environ["GLEANER_OUTPUT"] = output
    os.chdir(project)
    flags = ["--no-send-anonymous-usage-stats", "--no-version-check", "--quiet"]
    for command in ("parse", "build"):
        done = dbtRunner().invoke([*flags, command, "--warn-error"])
        require(f"dbt {command} does it, errors: {done.exception}", holds=done.success)
    listed = dbtRunner().invoke([*flags, "ls", "--resource-type", "source"]).result
    names = {f"source:{PROJECT['name']}.gleaner.{table}" for table in TABLES}
    require(f"dbt lists {sorted(names)}", holds={*map(str, listed)} == names)
    entities = f"SELECT count(*) FROM {FILES.format(output, 'entities')}"  # noqa: S608 - as above
    with duckdb.connect("dev.db") as database:
        rows = database.execute(entities).fetchall()
        mentions = database.execute("SELECT sum(mentions)::BIGINT FROM mentions").fetchall()
    require(f"dbt's model counts {mentions} of {rows} entities", holds=mentions == rows)


def main() -> int:
    """Exit code 0 if the output keeps the contract and dbt reads it, else 1."""
    output = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        check_contract(output, Path(scratch))
        check_dbt(output, Path(scratch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
