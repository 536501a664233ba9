"""Every recipe of the cookbook, run as it stands there, answers the same in all three engines."""

import ast
import math
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

import jobs
from jobs.runs.__main__ import run as look_after

PAGE = Path(jobs.__file__).parent / "docs/pages/cookbook.md"
ENGINES = ("SQL", "pandas", "Polars")
SHOWN = 5

_TAB = re.compile(r'^=== "([^"]+)"\n\n((?:    .*\n|\n)+)', re.MULTILINE)
_FENCE = re.compile(r"```\w+\n(.*)```", re.DOTALL)


class Section(NamedTuple):
    """A heading of the page, the code of each tab, and the table below them."""

    question: str
    code: Mapping[str, str]
    shown: str


class Answer(NamedTuple):
    columns: list[str]
    rows: list[tuple[Any, ...]]


def sections() -> list[Section]:
    """The set-up, and then the recipes."""
    found = []
    for part in re.split(r"^##? ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        code = {}
        for name, tab in _TAB.findall(part):
            fenced = _FENCE.search(textwrap.dedent(tab))
            assert fenced, f"{name} has no code"
            code[name] = fenced[1]
        shown = "\n".join(line for line in part.splitlines() if line.startswith("|"))
        found.append(Section(part.partition("\n")[0], code, shown))
    return found


SETUP, *RECIPES = sections()


@pytest.fixture(scope="module")
def with_other_fields(two_nights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same output, but the first night kept other fields than the last."""
    folder = tmp_path_factory.mktemp("fields")
    shutil.copytree(two_nights / "out", folder / "out")
    (path,) = (folder / "out/documents/run_id=r20261109").iterdir()
    rows = pq.ParquetFile(path).read()
    pq.write_table(rows.append_column("year", rows["date"]).drop_columns("title"), path)
    assert look_after(["view", f"--output={folder}/out"]) == 0
    return folder


@pytest.fixture(scope="module", params=["two_nights", "with_other_fields"])
def states(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Any]]:
    """Each engine after the set-up of the page, in the folder where `out` is."""
    folder = request.getfixturevalue(request.param)
    with pytest.MonkeyPatch.context() as patch, duckdb.connect() as connection:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        connection.execute((folder / "out/current.sql").read_text("utf-8"))
        python: dict[str, dict[str, Any]] = {"pandas": {}, "Polars": {}}
        for engine, names in python.items():
            exec(SETUP.code[engine], names)  # noqa: S102 - our own page
        yield {"SQL": connection, **python}
        del sys.modules["current"]


def answer(engine: str, code: str, state: Any) -> Answer:  # noqa: ANN401 - a connection or a namespace
    """What a recipe gives: of Python the value of its last statement."""
    if engine == "SQL":
        result = state.sql(code)
        return Answer(result.columns, [_plain(row) for row in result.fetchall()])
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    names = {**state}
    exec(compile(ast.Module(before, []), engine, "exec"), names)  # noqa: S102 - our own page
    frame = eval(compile(ast.Expression(last.value), engine, "eval"), names)  # noqa: S307 - as above
    if engine == "pandas":
        assert isinstance(frame, pd.DataFrame)
        rows = list(frame.itertuples(index=False, name=None))
        return Answer([*frame.columns], [_plain(row) for row in rows])
    assert isinstance(frame, pl.DataFrame)
    return Answer(frame.columns, [_plain(row) for row in frame.rows()])


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_value(value) for value in row)


def _value(value: Any) -> Any:  # noqa: ANN401 - of any column
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 5)  # float32 has no more
    assert value is None or isinstance(value, str | int | datetime), type(value)
    return value


def as_markdown(found: Answer) -> str:
    rows = [[str(value).replace("|", r"\|") for value in row] for row in found.rows[:SHOWN]]
    lines = [found.columns, ["---"] * len(found.columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def test_the_page_has_twelve_questions_in_three_versions() -> None:
    assert len(RECIPES) == 12
    for section in (SETUP, *RECIPES):
        assert tuple(section.code) == ENGINES, section.question


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.question for recipe in RECIPES])
def test_the_engines_agree(recipe: Section, states: Mapping[str, Any]) -> None:
    """On columns, rows and their order; and the page shows the first of them."""
    sql, pandas, polars = (answer(name, recipe.code[name], states[name]) for name in ENGINES)
    assert sql.rows
    assert pandas == sql
    assert polars == sql
    assert recipe.shown == as_markdown(sql)
