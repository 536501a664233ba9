"""A template and values in, a self-contained HTML page out: what came from others is escaped."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from model.text.escaping import harmless

if TYPE_CHECKING:
    from jinja2 import Environment


def render_page(template: Path, values: dict[str, object]) -> str:
    """The page; templates are escaped and made harmless, and find others in their own folder.

    A template has no defaults: a value that is missing raises jinja2's UndefinedError.
    """
    return _environment(template.parent).get_template(template.name).render(values)


@functools.cache
def _environment(folder: Path) -> "Environment":
    """Cached, since compiling a template takes longer than filling it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    """What an expression of the template gives, before it is escaped; Markup is our own."""
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value
