"""Take the documentation's pictures of a report anew: `python -m jobs.docs.screenshots`.

Extracts the bundled corpus, opens its report in Chromium, and writes what is seen of it.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from jobs.docs.generated import PAGES
from pipeline.configuration.extraction import BUNDLED_CORPUS
from pipeline.console.arguments import Parser
from pipeline.console.printing import account
from pipeline.console.process import main
from schemas.errors import UsageError

# The picture's name, the selector of what it begins with, and the window in pixels.
_PICTURES = (
    ("report.png", "body", (1100, 1000)),
    ("report-documents.png", "#samples", (1100, 640)),
    ("report-phone.png", "#samples", (500, 800)),
)
_COLOURS = 96  # letters and bars need no more, and take a third of the room


def run(arguments: Sequence[str]) -> int:
    """Write all pictures; returns the exit code."""
    Parser(prog="python -m jobs.docs.screenshots", description=__doc__).parse(arguments)
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        raise UsageError("chromium and chromedriver are not on the PATH: `make browser`")
    with tempfile.TemporaryDirectory(prefix="nightly-", ignore_cleanup_errors=True) as scratch:
        output, corpus = Path(scratch, "out"), Path(scratch, "corpus")
        shutil.copytree(Path(BUNDLED_CORPUS).parent, corpus)
        command = [sys.executable, "-m", "pipeline.run", "--runner=DirectRunner"]
        command.append(f"--input={corpus}")
        subprocess.run([*command, "--run_id=tonight", f"--output={output}"], check=True)
        page = Path(output, "reports", "tonight.html").as_uri()
        for name, taken in _photographs(page, chromium, driver, scratch):
            with Image.open(io.BytesIO(taken)) as image:
                image.convert("RGB").quantize(_COLOURS).save(PAGES / "images" / name, optimize=True)
            account(f"{PAGES / 'images' / name} written")
    return 0


def _photographs(
    page: str, chromium: str, driver: str, profile: str
) -> Iterator[tuple[str, bytes]]:
    """The name of each picture, and what the browser shows, as PNG."""
    options = Options()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={profile}/browser")
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        for name, first, (width, height) in _PICTURES:
            browser.set_window_size(width, height)
            browser.get(page)
            browser.execute_script("document.querySelector(arguments[0]).scrollIntoView()", first)
            yield name, browser.get_screenshot_as_png()
    finally:
        browser.quit()


if __name__ == "__main__":
    main(run)
