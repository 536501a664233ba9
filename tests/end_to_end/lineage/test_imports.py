"""End to end: the client of OpenLineage is imported where it is configured, and may be missing."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# Not `-X importtime`: the lineage's thread imports while standard error leads nowhere.
LISTING = """
import atexit, runpy, sys
atexit.register(lambda: print(*sys.modules, sep="\\n", file=sys.stderr))
runpy.run_module("pipeline.run", run_name="__main__", alter_sys=True)
"""


def imports_of(flags: list[str], environment: Mapping[str, str]) -> set[str]:
    """The modules that a command imports, in a home of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LISTING, *flags],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return set(done.stderr.splitlines())


def test_the_client_is_imported_where_it_is_configured_alone(
    flags: list[str], tmp_path: Path
) -> None:
    home = {"HOME": str(tmp_path)}
    client, settings = (
        {"openlineage.client", "pipeline.lineage.client"},
        {"OPENLINEAGE__TRANSPORT__TYPE": "noop"},
    )
    assert imports_of(flags, home).isdisjoint(client)
    assert imports_of(flags, home | settings) > client
    disabled = settings | {"OPENLINEAGE_DISABLED": "true"}
    assert imports_of(flags, home | disabled).isdisjoint(client)


def test_without_the_client_a_run_is_what_it_is(flags: list[str], tmp_path: Path) -> None:
    program = (
        f"import sys; sys.modules['openlineage'] = None; sys.argv[1:] = {flags}\n"
        "from pipeline.run import command; command()"
    )
    environment = {**os.environ, "OPENLINEAGE_URL": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    (warning,) = done.stderr.splitlines()
    assert "its client is not installed" in warning
    assert "[lineage]" in warning
