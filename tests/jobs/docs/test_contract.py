"""The contract and the sources of dbt say of the tables what their schemas say."""

from typing import Any

import pyarrow as pa
import pytest
import yaml

from jobs.docs.contract import column_type, contract_yaml, dbt_sources_yaml
from schemas.manifest import TableName
from schemas.rules import RULES
from schemas.tables import SCHEMA_VERSION, TABLES, since


def test_every_table_is_in_it() -> None:
    assert [*RULES] == [*TABLES] == [*by_name(yaml.safe_load(contract_yaml())["schema"])]


def by_name(listed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {each["name"]: each for each in listed}
    assert len(found) == len(listed)
    return found


@pytest.mark.parametrize("name", TABLES)
def test_the_contract_has_every_column_with_all_that_is_known_of_it(name: str) -> None:
    contract = yaml.safe_load(contract_yaml())
    assert contract["version"] == str(SCHEMA_VERSION)
    table, schema = by_name(contract["schema"])[name], TABLES[name]
    assert table["description"] == schema.metadata[b"doc"].decode()
    columns = by_name(table["properties"])
    assert [*columns] == ["run_id", *schema.names]
    assert columns["run_id"]["partitioned"]
    for field in schema:
        column = columns[field.name]
        assert column["description"] == field.metadata[b"doc"].decode()
        assert column["required"] is not field.nullable
        assert column["customProperties"] == [{"property": "since", "value": since(field)}]


@pytest.mark.parametrize("name", RULES)
def test_the_contract_has_every_rule(name: TableName) -> None:
    table = by_name(yaml.safe_load(contract_yaml())["schema"])[name]
    queries = {rule["query"]: rule["mustBe"] for rule in table["quality"] if "query" in rule}
    assert queries == {rule.query: 0 for rule in RULES[name]}


@pytest.mark.parametrize("name", TABLES)
def test_the_sources_have_every_column_and_test_that_none_is_null(name: str) -> None:
    (source,) = yaml.safe_load(dbt_sources_yaml())["sources"]
    columns = by_name(by_name(source["tables"])[name]["columns"])
    assert [*columns] == ["run_id", *TABLES[name].names]
    for field in TABLES[name]:
        expected = [] if field.nullable else ["not_null"]
        assert columns[field.name].get("data_tests", []) == expected


@pytest.mark.parametrize("index", [pa.int32(), pa.int8()])
def test_text_is_text_however_arrow_holds_it(index: pa.DataType) -> None:
    """Readers find the same in the files."""
    assert column_type(pa.dictionary(index, pa.string())) == column_type(pa.string())
    names = pa.list_(pa.dictionary(index, pa.string()))
    assert column_type(names) == column_type(pa.list_(pa.string()))


def test_a_type_that_no_table_has_is_refused() -> None:
    """Rather than described wrongly: whoever brings it says what it is in SQL."""
    for kind in (pa.int8(), pa.timestamp("s")):
        with pytest.raises(KeyError):
            column_type(kind)
