"""What the first versions wrote is read as any manifest is: nobody loses an output by an update."""

import json
from typing import Any

import pytest

from pipeline.outputs.manifest.encoding import parse_manifest
from pipeline.planning.worklist import last_run
from schemas.manifest import Manifest
from schemas.tables import SCHEMA_VERSION
from tests.builders import configuration, manifest_of

# What has come since of what stands in every manifest now.
LATER = ("min_confidence", "folded_words", "max_dead_letters", "only_new", "commit_shards")


def read(manifest: dict[str, Any]) -> Manifest:
    return parse_manifest(json.dumps(manifest).encode(), "/out/runs/r1.json")


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
@pytest.mark.parametrize("lacking", [LATER[:1], LATER[:2], LATER[2:], LATER])
def test_flags_that_came_later_are_missing(version: int, lacking: tuple[str, ...]) -> None:
    manifest = manifest_of("r1", schema_version=version)
    for name in lacking:
        del manifest["configuration"][name]
    assert read(manifest) == manifest


def test_a_run_before_confidences_were_bounded_wrote_entities_of_all() -> None:
    """So one that bounds none is like it."""
    manifest = manifest_of("r1")
    del manifest["configuration"]["min_confidence"]
    manifest["counts"]["tokens"] = 10
    found = last_run([read(manifest)], configuration(), ())
    assert found is not None
    assert found.run_id == "r1"


def test_a_clock_that_was_set_back_made_a_run_end_before_it_began() -> None:
    manifest = manifest_of("r1")
    manifest["timings"]["seconds"] = -3600.5
    assert read(manifest) == manifest
