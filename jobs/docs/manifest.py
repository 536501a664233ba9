"""The manifest's fields, from its JSON Schema."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import schemas
from jobs.docs.markdown import table

_SCHEMA = Path(schemas.__file__).with_name("manifest.schema.json")

Schema = Mapping[str, Any]


def manifest_page() -> str:
    """The page in Markdown: one table for the manifest and one for each object within."""
    schema = json.loads(_SCHEMA.read_text("utf-8"))
    parts = [
        "# Manifest",
        schema["description"],
        "The schema is `schemas/manifest.schema.json`; a JSON Schema validator takes it as it is.",
        _fields(schema, schema),
    ]
    shown: list[set[str]] = []
    for name, definition in schema["$defs"].items():
        for title, part in _objects(name, definition):
            # Kinds of one thing, as the statistics of drift, have the same fields: shown once.
            if set(_inner(part)) not in shown:
                shown.append(set(_inner(part)))
                parts += [f"## {title}", part.get("description", ""), _fields(part, schema)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _objects(name: str, definition: Schema) -> Iterator[tuple[str, Schema]]:
    """A definition that has fields, and those below it whose fields have fields again."""
    if not _inner(definition):
        return
    yield name, definition
    for field, below in _inner(definition).items():
        if any(map(_inner, _inner(below).values())):
            for statistic, part in _inner(below).items():
                yield from _objects(f"{name}.{field}.{statistic}", part)


def _inner(field: Schema) -> Mapping[str, Schema]:
    """The fields of an object, of a list's objects, or of the first of several alternatives."""
    first: Schema = next(iter(field.get("oneOf", ())), {}) if "properties" not in field else {}
    place = field if "properties" in field else field.get("items", first)
    found: Mapping[str, Schema] = place.get("properties", {})
    return found


def _fields(definition: Schema, schema: Schema) -> str:
    required = definition.get("required", _inner(definition) if "oneOf" in definition else ())
    rows = [
        (
            f"`{name}`",
            _kind(field, schema),
            "" if name in required else "optional",
            _description(field, schema),
        )
        for name, field in _inner(definition).items()
    ]
    return table(("field", "type", "", ""), rows)


def _kind(field: Schema, schema: Schema) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        target = _target(field, schema)
        return f"[{name}](#{name})" if _inner(target) else _kind(target, schema)
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_kind(field['items'], schema)}"
    kinds = field.get("type", "object")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _description(field: Schema, schema: Schema) -> str:
    said = field.get("description") or _target(field, schema).get("description", "")
    told = ((name, inner.get("description")) for name, inner in _inner(field).items())
    listed = [f"`{name}`: {text}" for name, text in told if text]
    return " ".join([said, *listed]).strip()


def _target(field: Schema, schema: Schema) -> Schema:
    """What a reference stands for; nothing for a field without one."""
    found: Any = schema if "$ref" in field else {}
    for step in field.get("$ref", "#").split("/")[1:]:
        found = found[step]
    return dict(found)
