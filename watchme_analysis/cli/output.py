"""Where and in which form a command prints its result: ``--output``, ``--to`` and their short forms.

``--to`` is in every command the file that receives its result. Most commands write there what they would
print. Commands that make a plan, an archive or a record write that (:func:`file_option`), and print as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from watchme_analysis.cli.options import ChoiceWithSuggestion, together
from watchme_analysis.cli.terminal import echo_data, echo_json
from watchme_analysis.errors import InputError
from watchme_analysis.storage.atomic_write import write_atomically
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

    def write_document(self, document: Any) -> None:
        """Write a document as JSON, or in the other forms its rows.

        Fields of an object in a row are columns such as ``lost.mean``.
        """
        if self.form == JSON:
            self._write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
            return
        import pandas as pd

        self.write(pd.json_normalize([dict(row) for row in document]))

    def write_text(self, text: str) -> None:
        """Write a text of another form, such as infrastructure code."""
        if self.file is None:
            echo_data(text)
        else:
            self._write(text)

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


def form_options(short_forms: Sequence[str] = (JSON,), default: str = TABLE) -> Callable[[F], F]:
    """Return a decorator that adds ``--output`` and flags such as ``--csv``; :func:`output_of` reads them.

    The default is shown, not applied.
    """
    return together(
        click.option(
            "--output", "form", type=ChoiceWithSuggestion(_FORMS), show_default=default,
            help="Form of the output.",
        ),
        *(
            click.option(f"--{form}", f"as_{form}", is_flag=True, help=f"Short for --output {form}.")
            for form in short_forms
        ),
    )  # fmt: skip


def to_options(
    text: str = "Write the output to this new file; its name or --output states json, csv or jsonl.",
    force: str = "Let --to replace a file that exists.",
) -> Callable[[F], F]:
    """Return a decorator that adds ``--to`` and ``--force``; :func:`output_of` reads them."""
    return together(
        click.option("--to", "file", type=click.Path(dir_okay=False, path_type=Path), help=text),
        click.option("--force", is_flag=True, help=force),
    )


def output_options(short_forms: Sequence[str] = (JSON,), default: str = TABLE) -> Callable[[F], F]:
    """Return a decorator that adds the options of :func:`form_options` and :func:`to_options`."""
    return together(form_options(short_forms, default), to_options())


def file_option(what: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--to`` for a document, such as "the plan, for `fifo apply`"."""
    return click.option(
        "--to", type=click.Path(dir_okay=False, path_type=Path), help=f"Write {what}, to this file."
    )


def output_of(options: dict[str, Any], default: str = TABLE) -> Output:
    """Return the output that the options of :func:`output_options` state; they are removed from the options.

    Raises a UsageError when they contradict one another, an InputError when the file exists and ``--force``
    is not given, and a FileNotFoundError when its folder does not exist.
    """
    check_folder(options.get("to"))
    stated, file, is_forced = (options.pop(name, None) for name in ("form", "file", "force"))
    flags = [form for form in _FORMS if options.pop(f"as_{form}", False)]
    forms = dict.fromkeys([*([stated] if stated else []), *flags])
    if len(forms) > 1:
        raise click.UsageError(error_sentence("error-output-forms", forms=", ".join(forms)))
    form = next(iter(forms), None)
    if file is None:
        if is_forced:
            raise click.UsageError(error_sentence("error-force-needs-to"))
        return Output(form or default)
    suffix = file.suffix[1:].lower()
    form = form or (suffix if suffix in _FORMS else default)
    if form == TABLE:
        raise click.UsageError(error_sentence("error-output-suffix"))
    check_folder(file)
    if file.is_file() and not is_forced:
        raise InputError(error_message("error-output-exists", file=file))
    return Output(form, file)


def check_folder(file: Path | None) -> None:
    """Create the folder of a file, before a command changes what the file should record."""
    if file is not None:
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
