"""Published tables that name files which are not there are told, and nothing is changed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobs.publish.__main__ import run as publish
from schemas.tables import TABLES
from tests.pipeline.publication.test_lost_copies import cut_short, read

if TYPE_CHECKING:
    from tests.jobs.runs.verify.conftest import VerifiedOutput


@pytest.fixture
def targets(output: "VerifiedOutput") -> list[str]:
    """In place, elsewhere and in the catalog below an output, which is published to them."""
    targets = [f"delta={output.root}", f"delta={output.root}-lake", "iceberg=open"]
    assert publish([f"--output={output.root}", *targets]) == 0
    output.capsys.readouterr()
    return targets


def told(output: "VerifiedOutput") -> list[str]:
    """What is told of published tables."""
    words = (" names ", " has no table ", "published", "_published.json")
    return [line for line in output.verify()[1] if any(word in line for word in words)]


def test_tables_that_are_whole_are_not_mentioned(
    output: "VerifiedOutput", targets: list[str]
) -> None:
    assert output.verify()[0] == 0
    assert not told(output)


@pytest.mark.parametrize("damage", [Path.unlink, cut_short])
def test_copies_that_are_lost_are_told_until_they_are_published(
    output: "VerifiedOutput", targets: list[str], damage: Callable[[Path], None]
) -> None:
    """Those of older versions, which Iceberg's tables have for themselves, too."""
    again = f"; python -m jobs.publish --output {output.root} writes them again"
    lake = Path(f"{output.root}-lake")
    gone = [next(lake.glob("entities/run_id=first/*"))]
    gone += output.root.glob("_iceberg/**/data/run_id=first/*")
    lost = [f"{targets[1]}: entities names 1 file", f"{targets[2]}: documents names 1 file"]
    before = read(set(gone))
    for path in gone:
        damage(path)
    code, _ = output.verify()
    lines = told(output)
    assert code == 1
    assert all(line.startswith("error: ") and line.endswith(again) for line in lines)
    assert all(any(path.name in line for line in lines) for path in gone)
    assert all(any(words in line for line in lines) for words in lost)
    assert publish([f"--output={output.root}"]) == 0
    assert read(set(gone)) == before
    output.capsys.readouterr()
    assert output.verify()[0] == 0


def test_files_of_the_output_that_tables_refer_to_are_told_of_each(
    output: "VerifiedOutput", targets: list[str]
) -> None:
    """Beside the run that lost them; a publish cannot make them."""
    gone = output.only("documents/run_id=repair/*")
    gone.unlink()
    names = "documents names 1 file that is missing or cut short"
    assert told(output) == [
        f"error: {targets[0]}: {names}: run_id=repair/{gone.name}",
        f"error: {targets[2]}: {names}: file://{gone}",
    ]


def test_tables_that_are_missing_are_told_and_not_made(
    output: "VerifiedOutput", targets: list[str]
) -> None:
    shutil.rmtree(f"{output.root}-lake")
    shutil.rmtree(output.root / "_iceberg")
    makes = f"python -m jobs.publish --output {output.root} makes it"
    assert told(output) == [
        f"error: {text} has no table {table}; {makes}" for text in targets[1:] for table in TABLES
    ]
    assert not (output.root / "_iceberg").exists()
    assert not Path(f"{output.root}-lake").exists()


def test_a_table_that_cannot_be_looked_at_is_a_warning(
    output: "VerifiedOutput", targets: list[str]
) -> None:
    """The next target is looked at all the same."""
    for path in output.root.glob("entities/_delta_log/*"):
        path.write_text("no log")
    next(Path(f"{output.root}-lake").glob("entities/*/*")).unlink()
    first, second = told(output)
    assert first.startswith(f"warning: what was published to {targets[0]} cannot be checked: ")
    assert second.startswith(f"error: {targets[1]}: entities names 1 file")


def test_an_output_that_was_moved_has_no_tables_to_check(
    output: "VerifiedOutput", targets: list[str]
) -> None:
    moved = Path(shutil.copytree(output.root, output.root.with_name("moved")))
    shutil.rmtree(f"{output.root}-lake")
    here = type(output)(moved, output.capsys)
    before = f"the tables that {output.root} was published to"
    assert told(here) == [f"remark: {before} are not checked: this output was moved or copied"]


def test_what_an_output_remembers_may_be_damaged(
    output: "VerifiedOutput", targets: list[str]
) -> None:
    (output.root / "_published.json").write_text("{")
    assert told(output) == [
        f"error: {output.root}/_published.json is no list of publications, it may be damaged"
    ]
