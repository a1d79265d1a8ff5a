"""Where and in which form a command prints its rows: ``--output``, ``--to`` and their short forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from watchme_analysis.cli.options import ChoiceWithSuggestion
from watchme_analysis.cli.terminal import echo_data, echo_json
from watchme_analysis.errors import InputError
from watchme_analysis.files.atomic_write import write_atomically
from watchme_analysis.text.render import error_message, error_sentence

if TYPE_CHECKING:
    import pandas as pd

TABLE, JSON, CSV, JSON_LINES = "table", "json", "csv", "jsonl"
_FORMS = (TABLE, JSON, CSV, JSON_LINES)

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Output:
    """The form of printed rows, and the file that they are written to; None for standard output."""

    form: str
    file: Path | None = None

    def write(self, frame: pd.DataFrame) -> None:
        """Write rows as JSON, CSV or JSON Lines; times are ISO 8601 in UTC."""
        self._write(_text(frame, self.form))

    def write_document(self, document: object, rows: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        """Write a JSON document, or in the other forms its rows.

        Parameters
        ----------
        document
            JSON-ready object that ``json`` consists of.
        rows
            Returns the rows of ``csv`` and ``jsonl``. Fields of an object in a row are columns such as
            ``lost.mean``.
        """
        if self.form == JSON:
            self._write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
            return
        import pandas as pd

        self.write(pd.json_normalize([dict(row) for row in rows()]))

    def _write(self, text: str) -> None:
        if self.file is not None:
            write_atomically(self.file, text.encode(errors="backslashreplace"))
        elif self.form == CSV:
            echo_data(text)
        else:
            echo_json(text, nl=False)


def _text(frame: pd.DataFrame, form: str) -> str:
    if form == CSV:
        return str(frame.to_csv(index=False))
    lines = form == JSON_LINES
    text = str(
        frame.to_json(orient="records", lines=lines, date_format="iso", date_unit="us", force_ascii=False)
    )
    return text if text.endswith("\n") or (lines and not text) else f"{text}\n"


def output_options(short_forms: Sequence[str]) -> Callable[[F], F]:
    """Return a decorator that adds the options of rows; :func:`output_of` reads them.

    Parameters
    ----------
    short_forms
        Forms that the command also has as a flag, such as ``csv`` for ``--csv``.
    """

    def add(command: F) -> F:
        options = [
            click.option(
                "--output", "form", type=ChoiceWithSuggestion(_FORMS),
                help="Form of the rows.  [default: table; with --to, that of the file's name]",
            ),
            click.option(
                "--to", "file", type=click.Path(dir_okay=False, path_type=Path),
                help="Write json, csv or jsonl to this new file instead of standard output.",
            ),
            click.option("--force", is_flag=True, help="Let --to replace a file that exists."),
        ]  # fmt: skip
        for form in short_forms:
            flag = click.option(f"--{form}", f"as_{form}", is_flag=True, help=f"Short for --output {form}.")
            options.append(flag)
        for option in reversed(options):
            command = option(command)
        return command

    return add


def output_of(options: dict[str, Any]) -> Output:
    """Return the output that the options of :func:`output_options` state; they are removed from the options.

    Raises
    ------
    click.UsageError
        When the options contradict one another.
    InputError
        When the file exists and ``--force`` is not given.
    """
    stated, file, is_forced = (options.pop(name) for name in ("form", "file", "force"))
    flags = [form for form in _FORMS if options.pop(f"as_{form}", False)]
    forms = dict.fromkeys([*([stated] if stated else []), *flags])
    if len(forms) > 1:
        raise click.UsageError(error_sentence("error-output-forms", forms=", ".join(forms)))
    form = next(iter(forms), None)
    if file is None:
        if is_forced:
            raise click.UsageError(error_sentence("error-force-needs-to"))
        return Output(form or TABLE)
    suffix = file.suffix[1:].lower()
    form = form or (suffix if suffix in _FORMS else None)
    if form in (None, TABLE):
        raise click.UsageError(error_sentence("error-output-suffix"))
    if file.is_file() and not is_forced:
        raise InputError(error_message("error-output-exists", file=file))
    return Output(form, file)
