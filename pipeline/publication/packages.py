"""The packages that published tables need, and how to get them."""

from importlib.util import find_spec

from model.host.installation import install_command
from schemas.errors import UsageError


def require_package(package: str, extra: str, target: str) -> None:
    """Raise UsageError, with what installs it, where a package is missing."""
    if find_spec(package) is None:
        raise UsageError(f"{target} needs more packages: {install_command(extra)}")
