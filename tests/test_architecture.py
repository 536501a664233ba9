"""Layering of the packages, size of their files, and the top level, checked from the source."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A layer may import itself and those to its right: jobs -> pipeline -> model -> schemas.
LAYERS = ("jobs", "pipeline", "model", "schemas")

# Training modules: they build and fit the Keras model. Everything else runs without Keras.
KERAS_MODULES = frozenset(
    f"model.{name}"
    for name in ("bilstm", "callbacks", "network", "optimizer", "training", "word_features")
)
# Modules that may import these at module level; the rest of their layer may not import them at all.
ONLY_IN = {
    "tensorflow_addons": frozenset({"model.crf_likelihood"}),
    "keras": KERAS_MODULES,
    "tf_keras": frozenset[str](),
}
TF_KERAS = ("tensorflow.keras", "tensorflow.python.keras")
IMPORT_CALLS = frozenset({"__import__", "import_module", "importlib.import_module"})
# numpy beside pyarrow: the records annotate their arrays.
SCHEMAS_MAY_IMPORT = frozenset({"pyarrow", "numpy", "schemas"})

STAGE_LINES = 150  # a stage: one main PTransform in a file directly under pipeline/
MODULE_LINES = 350

TOP_LEVEL = frozenset(
    {
        *("pyproject.toml", "README.md", "pipeline", "model", "tests", "jobs", "schemas"),
        *("requirements.lock", "Makefile", "LICENSE", "CHANGELOG.md"),
    }
)


@dataclass(frozen=True)
class Import:
    """One imported module, by its full dotted name, and whether importing the importer runs it."""

    name: str
    line: int
    at_module_level: bool

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]


def imports_of(source: str, module: str) -> Iterator[Import]:
    """Every import in `source`; relative ones are resolved against `module`."""
    tree = ast.parse(source)
    deferred = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        at_module_level = id(node) not in deferred
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_module_level)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno, at_module_level)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPORT_CALLS:
            # A name that is computed cannot be followed; none of ours is.
            yield from (
                Import(str(argument.value), node.lineno, at_module_level)
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant)
            )


def broken_rules(source: str, module: str) -> list[str]:
    """One sentence for each import in `source` that a module of this name may not have."""
    layer = module.partition(".")[0]
    forbidden_layers = {*LAYERS[: LAYERS.index(layer)], "tests"}
    problems = []
    for found in imports_of(source, module):
        package = found.package
        reason = None
        if package in forbidden_layers:
            reason = f"{layer} may not import {package}"
        elif layer == "schemas" and package not in SCHEMAS_MAY_IMPORT | sys.stdlib_module_names:
            reason = "schemas imports the standard library, pyarrow and numpy only"
        elif layer in {"model", "schemas"} and package == "apache_beam":
            reason = f"{layer} never imports apache_beam"
        elif layer == "pipeline" and package == "tensorflow" and found.at_module_level:
            reason = "pipeline imports no tensorflow at module level"
        elif module not in ONLY_IN.get(package, {module}):
            reason = f"{package} is for {', '.join(sorted(ONLY_IN[package])) or 'no module'} only"
        elif found.name.startswith(TF_KERAS) and module not in KERAS_MODULES:
            reason = "keras is for training modules only"
        if reason:
            problems.append(f"{module}:{found.line} imports {found.name}: {reason}")
    return problems


def is_stage(path: Path, source: str) -> bool:
    """Whether a file directly under pipeline/ defines a PTransform."""
    return path.parent.name == "pipeline" and any(
        isinstance(node, ast.ClassDef)
        and any("PTransform" in ast.unparse(base) for base in node.bases)
        for node in ast.parse(source).body
    )


def too_long(path: Path, source: str) -> str | None:
    """A sentence if the file is longer than its kind may be."""
    lines = source.count("\n")
    limit = STAGE_LINES if is_stage(path, source) else MODULE_LINES
    return f"{path} has {lines} lines; fewer than {limit} are allowed" if lines >= limit else None


def modules() -> Mapping[Path, str]:
    """The product's source files and the dotted names of their modules."""
    return {
        path: ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for layer in LAYERS
        for path in sorted((ROOT / layer).rglob("*.py"))
    }


def test_imports_follow_the_layers() -> None:
    """The rules of the layout hold in every module."""
    assert modules(), "found no source"
    problems = [
        problem
        for path, module in modules().items()
        for problem in broken_rules(path.read_text("utf-8"), module)
    ]
    assert not problems, "\n".join(problems)


def test_tensorflow_addons_has_exactly_one_seam() -> None:
    users = {
        module
        for path, module in modules().items()
        for found in imports_of(path.read_text("utf-8"), module)
        if found.package == "tensorflow_addons"
    }
    assert users == ONLY_IN["tensorflow_addons"]


def test_files_stay_short() -> None:
    problems = [too_long(path, path.read_text("utf-8")) for path in modules()]
    assert not any(problems), "\n".join(filter(None, problems))


def test_names_that_say_nothing_are_not_used() -> None:
    vague = {"utils", "helpers", "common", "misc", "util", "helper"}
    assert not [module for module in modules().values() if module.split(".")[-1] in vague]


@pytest.mark.parametrize("name", ["requirements.lock", ".ci/schedules.lock"])
def test_the_lock_has_hashes_and_names_no_index_host(name: str) -> None:
    lock = (ROOT / name).read_text("utf-8")
    assert "://" not in lock
    assert "--index-url" not in lock
    pins = [line for line in lock.splitlines() if line and line[0] not in "# "]
    assert pins
    assert all("==" in line and line.endswith("\\") for line in pins)


def test_top_level_holds_only_what_the_layout_allows() -> None:
    """Nothing but the agreed folders and files, and dot-files, is tracked by git."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        [git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    entries = {name.partition("/")[0] for name in listed if name}
    assert {entry for entry in entries if not entry.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("schemas.tables", "import apache_beam"),
        ("schemas.tables", "import tensorflow"),
        ("schemas.tables", "from model import crf"),
        ("schemas.tables", "import pandas"),
        ("model.crf", "import apache_beam as beam"),
        ("model.crf", "from apache_beam.ml.inference import base"),
        ("model.crf", "def late():\n    import apache_beam"),
        ("model.crf", "from pipeline.options import Options"),
        ("model.crf", "import jobs.train"),
        ("model.crf", "from ..pipeline import graph"),
        ("model.corpora.__init__", "from ...jobs import train"),
        ("model.crf", "import importlib\nimportlib.import_module('pipeline.run')"),
        ("model.crf", "from tests import fakes"),
        ("model.crf", "import tensorflow_addons as tfa"),
        ("model.crf", "from tensorflow_addons.text import crf_log_likelihood"),
        ("model.crf", "import keras"),
        ("model.crf", "from tensorflow import keras"),
        ("model.crf", "from tensorflow.keras import layers"),
        ("model.predictor", "def late():\n    import keras"),
        ("pipeline.tag", "import tensorflow as tf"),
        ("pipeline.tag", "try:\n    import tensorflow as tf\nexcept ImportError:\n    tf = None"),
        ("pipeline.tag", "from jobs import train"),
        ("jobs.train", "import tensorflow_addons"),
    ],
)
def test_the_checker_catches_a_violation(module: str, source: str) -> None:
    assert broken_rules(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("schemas.tables", "import json\nimport numpy as np\nimport pyarrow as pa"),
        ("schemas.tables", "from schemas.errors import JobError\nfrom . import records"),
        ("schemas.__init__", "from .errors import JobError"),
        ("model.predictor", "import numpy\nimport tensorflow as tf\nfrom schemas import records"),
        ("model.network", "import keras\nfrom tensorflow import keras as also"),
        ("model.crf_likelihood", "from tensorflow_addons.text import crf_log_likelihood"),
        ("pipeline.tag", "import apache_beam\nfrom model.predictor import Predictor"),
        ("pipeline.tag", "def late():\n    import tensorflow"),
        (
            "pipeline.tag",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import tensorflow",
        ),
        ("jobs.train", "import pipeline.run\nimport model.training\nfrom schemas import errors"),
    ],
)
def test_the_checker_lets_what_is_allowed_pass(module: str, source: str) -> None:
    assert broken_rules(source, module) == []


def test_the_checker_catches_a_long_file() -> None:
    stage = "class ReadDocuments(beam.PTransform):\n    pass\n"
    assert too_long(Path("pipeline/read.py"), stage) is None
    assert too_long(Path("pipeline/read.py"), stage + "\n" * STAGE_LINES)
    assert too_long(Path("pipeline/options.py"), "\n" * STAGE_LINES) is None
    assert too_long(Path("model/crf.py"), "\n" * MODULE_LINES)
