"""The JSON Schema of the manifest describes what runs of every kind really write."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import schemas
from pipeline.run import run
from schemas.errors import DeadLettersError, JobError
from schemas.tables import SCHEMA_VERSION, TABLES

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    path = Path(schemas.__file__).with_name("manifest.schema.json")
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


@pytest.fixture(scope="module")
def manifests(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Manifest]:
    """One of each kind, from real runs."""
    folder = tmp_path_factory.mktemp("manifests")
    (folder / "a.jsonl").write_text('{"id": 1, "text": "Maria left Lisbon."}\nbroken\n')
    (folder / "b.jsonl.gz").write_bytes(b"no gzip")
    flags = [f"--model={tiny_artifact}", f"--output={folder}/out"]
    here = [*flags, f"--input={folder}/*.jsonl*", "--keep_fields=year"]
    assert (
        run([*here, "--run_id=committed", "--max_dead_letters=0.5", "--max_broken_files=0.5"]) == 0
    )
    assert run([*flags, f"--input={folder}/none", "--allow_no_input", "--run_id=empty"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.outputs.transactions.committed_manifest", lambda *_: 1 / 0)
        with pytest.raises(JobError):
            run([*here, "--run_id=failed"])
    with pytest.raises(DeadLettersError):
        run([*here, "--run_id=refused", "--max_dead_letters=0"])
    return {
        name: json.loads((folder / f"out/runs/{name}.json").read_text())
        for name in ("committed", "empty", "failed", "refused")
    }


@pytest.mark.parametrize("name", ["committed", "empty", "failed", "refused"])
def test_manifests_of_real_runs_are_valid(
    name: str, manifests: dict[str, Manifest], validator: jsonschema.Draft202012Validator
) -> None:
    manifest = manifests[name]
    assert manifest["status"] == ("failed" if name == "refused" else name)
    assert [error.message for error in validator.iter_errors(manifest)] == []


CHANGES: dict[str, tuple[str, Callable[[Manifest], object]]] = {
    "no counts": ("committed", lambda m: m.pop("counts")),
    "no tables": ("empty", lambda m: m.pop("tables")),
    "an error beside rows": ("committed", lambda m: m.update(error="?")),
    "rows beside an error": ("failed", lambda m: m.update(tables={})),
    "entities of a refused run": (
        "refused",
        lambda m: m["tables"].update(entities=m["tables"]["dead_letters"]),
    ),
    "a refused run without a reason": ("refused", lambda m: m.pop("error")),
    "no error": ("failed", lambda m: m.pop("error")),
    "a new status": ("failed", lambda m: m.update(status="running")),
    "an empty run with input": ("committed", lambda m: m.update(status="empty")),
    "a committed run of nothing": ("empty", lambda m: m.update(status="committed")),
    "a property that is not described": ("committed", lambda m: m.update(more=1)),
    "a count that is not described": ("committed", lambda m: m["counts"].update(more=1)),
    "a negative count": ("committed", lambda m: m["counts"].update(tokens=-1)),
    "a table without files": ("committed", lambda m: m["tables"]["entities"].update(files=[])),
    "a new level of drift": ("committed", lambda m: m["drift"].update(level="bad")),
    "drift without statistics": ("committed", lambda m: m.update(drift={"level": "stable"})),
    "a run_id that reads as a number": ("committed", lambda m: m.update(run_id="1")),
    "a model without a hash": ("committed", lambda m: m.update(model="tiny")),
    "a local time": ("empty", lambda m: m["timings"].update(started_at="2026-11-22T02:00:00")),
    "another version": ("empty", lambda m: m.update(schema_version=SCHEMA_VERSION + 1)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_no_manifest_is_not_valid(
    name: str, manifests: dict[str, Manifest], validator: jsonschema.Draft202012Validator
) -> None:
    status, change = CHANGES[name]
    manifest = copy.deepcopy(manifests[status])
    change(manifest)
    assert not validator.is_valid(manifest)


def test_the_schema_knows_the_tables_and_describes_every_count(
    validator: jsonschema.Draft202012Validator,
) -> None:
    schema = validator.schema
    assert isinstance(schema, dict)
    assert set(schema["properties"]["tables"]["properties"]) == set(TABLES)
    assert schema["properties"]["schema_version"]["enum"] == [*range(1, SCHEMA_VERSION + 1)]
    for name, described in schema["$defs"]["counts"]["properties"].items():
        assert described["description"], name
