"""Which files of the documentation are made from the code, and what belongs into them."""

from collections.abc import Mapping
from pathlib import Path

from jobs.docs.exit_codes import exit_codes_page
from jobs.docs.flags import flags_page
from jobs.docs.manifest import manifest_page

PAGES = Path(__file__).parent / "pages"


def generated_files() -> Mapping[Path, str]:
    """The text of each generated file, by its path."""
    return {
        PAGES / "reference/flags.md": flags_page(),
        PAGES / "reference/manifest.md": manifest_page(),
        PAGES / "reference/exit-codes.md": exit_codes_page(),
    }
