"""The result of a command and its one renderer: for people, as JSON, as CSV and as JSON Lines.

A command is a declaration: its options, :func:`renders`, and a call whose findings it returns as a
:class:`Result`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import wraps
from typing import TYPE_CHECKING, Any

from watchme_analysis.cli.exit_codes import ExitCode
from watchme_analysis.cli.options import language_option, timezone_option, together
from watchme_analysis.cli.output import (
    JSON,
    TABLE,
    Output,
    form_options,
    output_of,
    output_options,
    to_options,
)
from watchme_analysis.cli.terminal import Printer, Styled, echo
from watchme_analysis.text.render import in_language
from watchme_analysis.window import parse_zone

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.text.message import Text


@dataclass(frozen=True)
class Result:
    """What a command has found; texts that carry a message are rendered in the language of the reader.

    Attributes
    ----------
    lines
        Sentences and tables for people. A generator runs only if they are shown.
    rows
        Rows of CSV and JSON Lines. Fields of an object in a row are columns such as ``lost.mean``.
    document
        JSON-ready object that JSON consists of; the rows by default.
    frame
        Rows and document as a frame.
    notes
        Sentences on standard error, in every form.
    conclusion
        Sentence on standard error beside rows, which do not state it as lines and document do.
    outcome
        Exit code.
    """

    lines: Iterable[Text | Styled] = ()
    rows: Iterable[Mapping[str, Any]] = ()
    document: object = None
    frame: pd.DataFrame | None = None
    notes: Iterable[Text] = ()
    conclusion: Text | None = None
    outcome: ExitCode = ExitCode.DONE


def render_result(result: Result, output: Output, out: Printer) -> int:
    """Print a result in the form of the output, and return its exit code."""
    if output.form == TABLE:
        for line in result.lines:
            echo(line if isinstance(line, Styled) else out.text(line))
    elif result.frame is not None:
        output.write(result.frame)
    else:
        rows = [*result.rows]
        document = rows if result.document is None else result.document
        written = in_language(document if output.form == JSON else rows, out.language)
        output.write_document(written)
        if result.conclusion is not None and output.form != JSON:
            echo(out.text(result.conclusion), err=True)
    for note in result.notes:
        echo(out.text(note), err=True)
    return result.outcome


def renders(
    short_forms: Sequence[str] = (JSON,),
    *,
    has_zone: bool = False,
    writes_case: bool = False,
    writes_to_file: bool = True,
) -> Callable[[Callable[..., Result | int]], Callable[..., int]]:
    """Return a decorator that adds ``--language`` and the options of the output, and prints the result.

    The command is called with a :class:`Printer` before its own options. An exit code that it returns instead
    of a result means that it has printed already.

    Parameters
    ----------
    short_forms
        Forms that the command also has as a flag, such as ``csv`` for ``--csv``.
    has_zone
        Whether times are shown: adds ``--timezone``.
    writes_case
        Whether the command writes a case: it receives ``--force`` as ``force``.
    writes_to_file
        Whether ``--to`` is the file of the output; otherwise it is the command's own option, if any.
    """
    if writes_case:
        force_help = "Replace a CASE of other evidence; let --to replace a file that exists."
        output_group = together(form_options(), to_options(force=force_help))
    else:
        output_group = output_options(short_forms) if writes_to_file else form_options(short_forms)

    def decorate(command: Callable[..., Result | int]) -> Callable[..., int]:
        @wraps(command)
        def run(language: str, **options: Any) -> int:
            own = {}
            if writes_case:
                own["force"] = options["force"]
                options["force"] = options["force"] and options["file"] is not None
            output = output_of(options)
            zone = parse_zone(options.pop("timezone")) if has_zone else UTC
            out = Printer(language, zone, output.form == TABLE)
            result = command(out, **options, **own)
            return render_result(result, output, out) if isinstance(result, Result) else result

        return together(*([timezone_option] if has_zone else []), language_option, output_group)(run)

    return decorate
