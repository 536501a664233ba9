"""An evaluation as one self-contained HTML page."""

from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from jobs.evaluate.excerpt import excerpt
from jobs.evaluate.report import Evaluation
from jobs.evaluate.terminal import origin
from model.harmless import harmless
from model.mistakes import KINDS
from model.muc import SCHEMES

_SENTENCE_CELLS = 600


def html_page(found: Evaluation) -> str:
    """The page: no script, nothing from a network, all text of others escaped."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    template = environment.from_string(Path(__file__).with_name("page.html.j2").read_text("utf-8"))
    return template.render(
        found=found,
        kinds=KINDS,
        schemes=SCHEMES,
        mistakes=[
            (each, origin(each.example), excerpt(each.example, _SENTENCE_CELLS))
            for each in found.frequent
        ],
    )


def _shown(value: object) -> object:
    """What an expression of the template gives, before it is escaped; Markup is our own."""
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value
