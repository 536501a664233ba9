"""A small run, of which lineage is told."""

import json
from pathlib import Path

import pytest

from tests.openlineage_events import Event

WORD = "Zerafina"  # in each document, and in no name


@pytest.fixture(autouse=True)
def _environment(lineage_environment: None) -> None:
    """No test sees what another one, or the user, has configured."""


def lines(name: str, count: int) -> list[str]:
    texts = (f"{WORD} met {number} ships in Lisbon." for number in range(count))
    return [json.dumps({"id": f"{name}{n}", "text": text}) for n, text in enumerate(texts)]


@pytest.fixture
def flags(tmp_path: Path, tiny_artifact: Path) -> list[str]:
    """A small run over three shards."""
    for name in "abc":
        path = tmp_path / "in" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines(name, 5)))
    place = [f"--input={tmp_path}/in/*.jsonl", f"--output={tmp_path}/out"]
    return [*place, f"--model={tiny_artifact}", "--direct_num_workers=1"]


def states(events: list[Event]) -> list[str]:
    return [event["eventType"] for event in events]
