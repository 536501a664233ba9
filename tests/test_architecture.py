"""The layers of the packages, the size of files and folders, and the top level, from the source."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS = ("jobs", "pipeline", "model", "schemas")
# numpy beside pyarrow: the records annotate their arrays.
SCHEMAS_MAY_IMPORT = frozenset({"pyarrow", "numpy", "schemas"})

STAGE_LINES = 150  # a stage: one main PTransform in a file of pipeline/stages
MODULE_LINES = 350
FOLDER_MODULES = 12
MOST_MODULES = {"pipeline": 10, "model": 4}
DEFERRED_IMPORTS = 15  # of modules of our own, inside of functions

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
    in_function: bool
    at_module_level: bool

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]


def imports_of(source: str) -> Iterator[Import]:
    """Every absolute import in `source`; one statement with several names counts once a module."""
    tree = ast.parse(source)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    in_functions = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, functions)
        for inner in ast.walk(node)
    }
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        else:
            continue
        in_function = id(node) in in_functions
        at_module_level = not in_function and id(node) not in for_types
        yield from (Import(name, node.lineno, in_function, at_module_level) for name in names)


def broken_rules(source: str, module: str) -> list[str]:
    """One sentence for each import that the contracts of pyproject.toml cannot forbid."""
    layer = module.partition(".")[0]
    problems = []
    for found in imports_of(source):
        reason = None
        if layer == "schemas" and found.package not in SCHEMAS_MAY_IMPORT | sys.stdlib_module_names:
            reason = "schemas imports the standard library, pyarrow and numpy only"
        elif layer == "pipeline" and found.package == "tensorflow" and found.at_module_level:
            reason = "pipeline imports no tensorflow at module level"
        elif found.name.startswith(("tensorflow.keras", "tensorflow.python.keras")):
            reason = "keras is imported by its own name"
        elif found.package == "tests":
            reason = "only tests import tests"
        if reason:
            problems.append(f"{module}:{found.line} imports {found.name}: {reason}")
    return problems


def too_long(path: Path, source: str) -> str | None:
    """A sentence if the file is longer than its kind may be."""
    lines = source.count("\n")
    is_stage = path.parts[:2] == ("pipeline", "stages") and "PTransform[" in source
    limit = STAGE_LINES if is_stage else MODULE_LINES
    return f"{path} has {lines} lines; fewer than {limit} are allowed" if lines >= limit else None


def modules() -> Mapping[Path, str]:
    """The product's source files, relative to the root, and the dotted names of their modules."""
    return {
        (relative := path.relative_to(ROOT)): ".".join(relative.with_suffix("").parts)
        for layer in LAYERS
        for path in sorted((ROOT / layer).rglob("*.py"))
    }


def lint_imports(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    return subprocess.run(
        [*command, "--config", str(config), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_follow_the_contracts() -> None:
    """The order of the packages and of the folders inside them, and where Keras and Beam may be."""
    done = lint_imports(ROOT, ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("model/tags.py", "import pipeline.run"),
        ("model/tags.py", "import model.training.fit"),
        ("model/tagger/tagger.py", "def late():\n    import apache_beam"),
        ("model/tagger/tagger.py", "import keras"),
        ("model/training/fit.py", "import keras"),
        ("model/training/layers/bilstm.py", "from tf_keras import layers"),
        ("model/training/fit.py", "import tensorflow_addons"),
        ("pipeline/console/text.py", "from pipeline.outputs import storage"),
        ("pipeline/stages/tag.py", "def late():\n    import pipeline.planning.check"),
        ("pipeline/unknown/new.py", ""),
        ("schemas/errors.py", "import model"),
    ],
)
def test_the_contracts_catch_a_violation(module: str, source: str, tmp_path: Path) -> None:
    for path in modules():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.parent / "__init__.py").touch()
        (tmp_path / path).touch()
    seam = tmp_path / "model/training/layers/crf_likelihood.py"
    seam.write_text("import tensorflow_addons")
    (tmp_path / "model/training/keras_version.py").write_text("import keras, tf_keras")
    (tmp_path / module).parent.mkdir(exist_ok=True)
    (tmp_path / module).parent.joinpath("__init__.py").touch()
    assert lint_imports(tmp_path, ROOT / "pyproject.toml").returncode == (not source)
    (tmp_path / module).write_text(source)
    assert lint_imports(tmp_path, ROOT / "pyproject.toml").returncode == 1


def test_imports_follow_the_other_rules() -> None:
    problems = [
        problem
        for path, module in modules().items()
        for problem in broken_rules((ROOT / path).read_text("utf-8"), module)
    ]
    assert modules(), "found no source"
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("schemas.tables", "import apache_beam"),
        ("schemas.tables", "import pandas"),
        ("model.tags", "from tests import fakes"),
        ("model.tags", "from tensorflow.keras import layers"),
        ("pipeline.stages.tag", "import tensorflow as tf"),
        ("pipeline.stages.tag", "try:\n    import tensorflow as tf\nexcept ImportError:\n    pass"),
    ],
)
def test_the_other_rules_catch_a_violation(module: str, source: str) -> None:
    assert broken_rules(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("schemas.tables", "import json\nimport numpy as np\nimport pyarrow as pa"),
        ("model.tagger.tagger", "import numpy\nimport tensorflow as tf"),
        ("pipeline.stages.tag", "def late():\n    import tensorflow"),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    assert broken_rules(source, module) == []


def test_own_modules_are_imported_at_the_top() -> None:
    """What is imported inside of functions hides what a module depends on."""
    deferred = [
        f"{path}:{found.line} {found.name}"
        for path in modules()
        for found in imports_of((ROOT / path).read_text("utf-8"))
        if found.package in LAYERS and found.in_function and path.parts[:2] != ("jobs", "docs")
    ]
    assert len(deferred) <= DEFERRED_IMPORTS, "\n".join(deferred)


def test_files_stay_short() -> None:
    problems = [too_long(path, (ROOT / path).read_text("utf-8")) for path in modules()]
    assert not any(problems), "\n".join(filter(None, problems))


def test_folders_stay_small() -> None:
    folders: dict[str, list[str]] = {}
    for path in modules():
        folders.setdefault(str(path.parent), []).append(path.name)
    crowded = {
        folder: len(names)
        for folder, names in folders.items()
        if len(names) > MOST_MODULES.get(folder, FOLDER_MODULES)
    }
    assert not crowded


def test_names_that_say_nothing_are_not_used() -> None:
    vague = {"utils", "helpers", "common", "misc", "util", "helper"}
    assert not [module for module in modules().values() if module.split(".")[-1] in vague]


@pytest.mark.parametrize(
    "name",
    [
        "requirements.lock",
        *(f".ci/{name}.lock" for name in ("schedules", "labelling", "teachers", "contract")),
    ],
)
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


def test_the_checker_catches_a_long_file() -> None:
    stage = "class ReadDocuments(beam.PTransform[A, B]):\n    pass\n"
    assert too_long(Path("pipeline/stages/read.py"), stage) is None
    assert too_long(Path("pipeline/stages/read.py"), stage + "\n" * STAGE_LINES)
    assert too_long(Path("pipeline/graph.py"), "\n" * STAGE_LINES) is None
    assert too_long(Path("model/tags.py"), "\n" * MODULE_LINES)
