"""Which files are made from the code, and what belongs into them."""

from collections.abc import Mapping
from pathlib import Path

from jobs.docs.contract import contract_yaml, dbt_sources_yaml
from jobs.docs.exit_codes import exit_codes_page
from jobs.docs.flags import flags_page
from jobs.docs.frontier import frontier_chart, frontier_table, read_frontier
from jobs.docs.manifest import manifest_page
from jobs.docs.markdown import filled
from jobs.docs.metrics import metrics_table
from jobs.docs.tables import table_markdown, tables_page

PAGES = Path(__file__).parent / "pages"
ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def generated_files() -> Mapping[Path, str]:
    """The text of each generated file, by its path."""
    frontier = read_frontier(PAGES / "data/frontier.csv")
    training, metrics = PAGES / "how-to/train.md", PAGES / "how-to/metrics.md"
    return {
        README: filled(README.read_text("utf-8"), "tables", table_markdown("entities")),
        training: filled(training.read_text("utf-8"), "frontier", frontier_table(frontier)),
        metrics: filled(metrics.read_text("utf-8"), "metrics", metrics_table()),
        PAGES / "images/frontier.svg": frontier_chart(frontier),
        PAGES / "reference/flags.md": flags_page(),
        PAGES / "reference/tables.md": tables_page(),
        PAGES / "reference/manifest.md": manifest_page(),
        PAGES / "reference/exit-codes.md": exit_codes_page(),
        ROOT / "schemas/tables.odcs.yaml": contract_yaml(),
        ROOT / "schemas/dbt_sources.yml": dbt_sources_yaml(),
    }
