"""Write what the documentation takes from the code: `python -m jobs.docs`."""

from collections.abc import Sequence

from jobs.docs.generated import generated_files
from pipeline.console.arguments import Parser
from pipeline.console.printing import account
from pipeline.console.process import main


def run(arguments: Sequence[str]) -> int:
    """Write every generated page that is not as the code has it; returns the exit code."""
    Parser(prog="python -m jobs.docs", description=(__doc__ or "").splitlines()[0]).parse(arguments)
    for path, text in generated_files().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            account(f"{path} written")
    return 0


if __name__ == "__main__":
    main(run)
