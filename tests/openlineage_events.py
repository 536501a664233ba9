"""Events of OpenLineage, as JSON, held to the standard.

Its JSON Schemas are in no package. But the classes of its client are made of them: so each part of
an event is read by the class that it says it is, down to the last value. GLEANER_OPENLINEAGE may
name the folder `spec` of a clone of OpenLineage: then the schemas themselves have a say too.
"""

import importlib
import json
import os
import pkgutil
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from enum import EnumType
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import attr
import jsonschema
from openlineage.client import generated
from openlineage.client.event_v2 import RunEvent
from openlineage.client.facet_v2 import BaseFacet
from referencing import Registry, Resource

from pipeline.lineage.events import GleanerModelDatasetFacet

Event = Mapping[str, Any]

ROOT = Path(__file__).parents[1]
_SUFFIXES = ("InputDatasetFacet", "OutputDatasetFacet", "DatasetFacet", "RunFacet", "JobFacet")
_PLAIN = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}
_ODD_NAMES = {
    "DatasetVersion": "version",
    "ProcessingEngine": "processing_engine",
    "GleanerModel": "gleaner_model",
}


def read_events(file: Path) -> list[Event]:
    """What the client's file transport wrote, each held to the standard."""
    events = [json.loads(line) for line in file.read_text().splitlines()]
    for event in events:
        require_valid(event)
    return events


def require_valid(event: Event) -> None:
    """Fail where an event is none, or one of its facets is not what it says it is."""
    assert event["schemaURL"] == RunEvent._get_schema()  # noqa: SLF001 - kept nowhere else
    _require_object(RunEvent, event, "event")
    _require_schemas(event)


def facets_of(event: Event) -> list[Mapping[str, Any]]:
    """All facets of an event."""
    owners = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    kinds = ("facets", "inputFacets", "outputFacets")
    return [facet for owner in owners for kind in kinds for facet in owner.get(kind, {}).values()]


@cache
def _classes() -> Mapping[str, type]:
    """The classes of the standard, and ours, by the URLs of their schemas."""
    found = {GleanerModelDatasetFacet._get_schema(): GleanerModelDatasetFacet}  # noqa: SLF001
    for module in pkgutil.iter_modules(generated.__path__):
        members = vars(importlib.import_module(f"{generated.__name__}.{module.name}")).values()
        kinds = (each for each in members if isinstance(each, type) and attr.has(each))
        found |= {kind._get_schema(): kind for kind in kinds if hasattr(kind, "_get_schema")}  # noqa: SLF001
    return found


def _require(kind: Any, value: object, place: str) -> None:  # noqa: ANN401 - any annotation
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return
    if origin in (Union, types.UnionType):
        (kind,) = (each for each in arguments if each is not type(None))
        _require(kind, value, place)
    elif origin is list:
        assert isinstance(value, list), place
        for number, each in enumerate(value):
            _require(arguments[0], each, f"{place}[{number}]")
    elif origin is dict:
        assert isinstance(value, dict), place
        for name, each in value.items():
            _require(arguments[1], each, f"{place}.{name}")
    elif origin is Literal:
        assert value in arguments, place
    elif isinstance(kind, EnumType):
        kind(value)  # raises ValueError for any other
    elif attr.has(kind):
        _require_object(kind, value, place)
    else:
        assert isinstance(value, _PLAIN[kind]), place
        assert kind is bool or not isinstance(value, bool), place


def _require_object(kind: Any, value: object, place: str) -> None:  # noqa: ANN401 - attrs has no type for classes of its own
    assert isinstance(value, dict), place
    if issubclass(kind, BaseFacet):
        own = _classes()[value["_schemaURL"]]
        assert issubclass(own, kind), f"{place} is no {kind.__name__}"
        assert place.rpartition(".")[2] == _name(own), place
        kind = own
    names = vars(typing) | vars(sys.modules[kind.__module__])
    fields = {field.name: field for field in attr.fields(attr.resolve_types(kind, names))}
    assert value.keys() <= fields.keys(), place
    for name, field in fields.items():
        if name in value:
            _require(field.type, value[name], f"{place}.{name}")
            if field.validator:
                field.validator(None, field, value[name])
        else:
            assert field.default is not attr.NOTHING, f"{place} has no {name}"


def _name(kind: type) -> str:
    """Under which name a facet stands."""
    suffix = next(each for each in _SUFFIXES if kind.__name__.endswith(each))
    stem = kind.__name__.removesuffix(suffix)
    return _ODD_NAMES.get(stem, stem[0].lower() + stem[1:])


def _require_schemas(event: Event) -> None:
    for facet in facets_of(event):
        url = facet["_schemaURL"]
        if url.startswith(event["producer"]):
            jsonschema.validate(facet, json.loads((ROOT / url.partition("#")[2]).read_text()))
    if folder := os.environ.get("GLEANER_OPENLINEAGE"):
        registry = _registry(tuple(Path(folder).rglob("*.json")))
        standard = [facet for facet in facets_of(event) if "openlineage" in facet["_schemaURL"]]
        for part, url in [(event, event["schemaURL"]), *((f, f["_schemaURL"]) for f in standard)]:
            jsonschema.Draft202012Validator({"$ref": url}, registry=registry).validate(part)


@cache
def _registry(files: Sequence[Path]) -> Registry[Any]:
    schemas = [json.loads(file.read_text()) for file in files]
    named = ((each["$id"], Resource.from_contents(each)) for each in schemas if "$id" in each)
    return Registry[Any]().with_resources(named)
