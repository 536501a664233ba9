"""The exit codes, from the errors that have them."""

from jobs.docs.markdown import table
from schemas.errors import JobError

_HEAD = """# Exit codes

Every command ends with one of these. Where it is not 0, the reason is one sentence on standard
error; a traceback is an error of gleaner's own. After an interrupt or a request to terminate the
code is 1, from the first line of gleaner's own on; in the 20 to 30 ms before that, in which Python
itself starts, Python ends as it always does.

What was done stays done where standard output takes nothing, as on a full disk: the code is as if
it had, and one sentence on standard error says so. Of a command that was asked to print and to do
nothing else, as `jobs.runs list`, it is 1. A reader that left (`| head`) changes nothing."""

_END = """`jobs.runs verify` ends with 1 where something is wrong, and `jobs.train --check` with 0
whatever it warns of. What a scheduler should do with each:
[Run it every night](../how-to/schedule.md#four-schedules-to-copy)."""


def exit_codes_page() -> str:
    """The page in Markdown: each code with the errors that end a command with it."""
    errors = sorted(_with_subclasses(JobError), key=lambda error: error.exit_code)
    rows = [
        (f"**{error.exit_code}**", f"`{error.__name__}`", (error.__doc__ or "").strip())
        for error in errors
    ]
    listed = table(
        ("code", "error", "meaning"), [("**0**", "", "Done, or there was nothing new."), *rows]
    )
    return f"{_HEAD}\n\n{listed}\n\n{_END}\n"


def _with_subclasses(error: type[JobError]) -> list[type[JobError]]:
    # Narrower kinds that other modules make of these carry details, and the same code.
    kinds = [kind for kind in error.__subclasses__() if kind.__module__ == JobError.__module__]
    below = [found for kind in kinds for found in _with_subclasses(kind)]
    return [error, *below]
