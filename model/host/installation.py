"""How gleaner is installed here: its version, and what installs more of it.

Its distribution has a name of its own, since `gleaner` on PyPI is a package of somebody else: no
command here may lead there.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from importlib.metadata import Distribution

DISTRIBUTION = "gleaner-ner"

# The modules that training imports beside those of extraction; the extra [train] brings them.
TRAINING_MODULES = (
    *("matplotlib", "pandas", "tensorboard"),
    *(("keras", "tensorflow_addons") if sys.version_info < (3, 12) else ("tf_keras",)),
)

_ROOT = Path(__file__).parents[2]


def installed_version() -> str:
    """The version of gleaner that runs."""
    project, installed = _project(), _installed()
    if project:
        return str(project["version"])
    return installed.version if installed else "unknown"


def install_command(*extras: str) -> str:
    """The command, for a shell, that installs what these extras need, and nothing of others.

    In a clone, and where what was installed still is where it was, that is another installation of
    it; elsewhere, as in an image, the packages that it asks for.
    """
    pip = f"{shlex.quote(sys.executable)} -m pip install"
    named = f"[{','.join(extras)}]"
    if _project():
        return f"{pip} -e {shlex.quote(f'{_ROOT}{named}')}"
    installed = _installed()
    origin = _origin(installed) if installed else None
    if origin:
        return f"{pip} {shlex.quote(f'{origin}{named}')}"
    if installed:
        return f"{pip} {shlex.join(_requirements(installed, extras))}"
    return f"{pip} -e 'CLONE{named}', where CLONE is a clone of gleaner"


def _project() -> dict[str, Any] | None:
    """What the clone's pyproject.toml says, where this is one."""
    file = _ROOT / "pyproject.toml"
    if not file.is_file():
        return None
    import tomllib

    project: dict[str, Any] = tomllib.loads(file.read_text("utf-8")).get("project", {})
    return project if project.get("name") == DISTRIBUTION else None


def _installed() -> "Distribution | None":
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return None


def _origin(installed: "Distribution") -> Path | None:
    """The wheel, or the folder, that it was installed from, where that is still there (PEP 610)."""
    origin = urlsplit(json.loads(installed.read_text("direct_url.json") or "{}").get("url", ""))
    path = Path(unquote(origin.path))
    return path if origin.scheme == "file" and path.exists() else None


def _requirements(installed: "Distribution", extras: tuple[str, ...]) -> Iterator[str]:
    """What it asks for with these extras: `keras<2.16,>=2.15; python_version < "3.12"`, and so on.

    pip itself passes over those that are meant for another Python.
    """
    for requirement in installed.requires or ():
        extra = re.search(r" *(?:;| and) *extra *== *['\"](\w+)['\"]", requirement)
        if extra and extra[1] in extras:
            yield requirement.replace(extra[0], "").replace("'", '"')  # as a shell likes them
