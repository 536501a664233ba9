"""Take the documentation's pictures of a report anew: `python -m jobs.docs.screenshots`.

Extracts the bundled corpus, opens its report in Chromium, and writes what is seen of it.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jobs.docs.generated import PAGES
from pipeline.command_line import Parser, account, main
from schemas.errors import UsageError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# The picture's name, the part of the page that is seen first, and the window in pixels.
_PICTURES = (
    ("report.png", "", (1100, 760)),
    ("report-documents.png", "#documents", (1100, 620)),
    ("report-phone.png", "#documents", (390, 720)),
)
_COLOURS = 96  # a picture of letters and bars needs no more, and takes a third of the room


def run(arguments: Sequence[str]) -> int:
    """Write all pictures; returns the exit code."""
    Parser(prog="python -m jobs.docs.screenshots", description=__doc__).parse(arguments)
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise UsageError("there is no Chromium on the PATH: `make browser` installs it")
    with tempfile.TemporaryDirectory(prefix="gleaner-", ignore_cleanup_errors=True) as scratch:
        output = Path(scratch, "out")
        command = [sys.executable, "-m", "pipeline.run", "--runner=DirectRunner"]
        subprocess.run([*command, "--run_id=tonight", f"--output={output}"], check=True)
        for name, part, size in _PICTURES:
            page = f"file://{output}/reports/tonight.html{part}"
            _take(browser, page, PAGES / "images" / name, size, Path(scratch))
            account(f"{PAGES / 'images' / name} written")
    return 0


def _take(browser: str, page: str, picture: Path, size: tuple[int, int], scratch: Path) -> None:
    from PIL import Image

    taken = scratch / picture.name
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    flags += [f"--user-data-dir={scratch}/browser", f"--window-size={size[0]},{size[1]}"]
    command = [browser, *flags, f"--screenshot={taken}", page]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with Image.open(taken) as image:
        image.convert("RGB").quantize(_COLOURS).save(picture, optimize=True)


if __name__ == "__main__":
    main(run)
