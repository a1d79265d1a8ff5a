"""Canonical form of stored notebooks: the same content always has the same bytes.

::

    python -m watchme_analysis.report.stored_notebooks notebooks/          # rewrite
    python -m watchme_analysis.report.stored_notebooks --run notebooks/    # run, then rewrite
    python -m watchme_analysis.report.stored_notebooks --check notebooks/  # exit 1 if not canonical

The canonical form is format 4.5 as written by Jupyter, with no metadata except tags and those that this
package reads, execution counts from 1, no trailing blanks, merged stream outputs, and small PNG files without
text chunks: a figure is for the reader of the repository, and who runs the notebook has a larger one.
"""

from __future__ import annotations

import base64
import io
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from watchme_analysis.errors import InputError, ReportError, WatchmeError
from watchme_analysis.text.catalogue import LANGUAGES

# Tags of cells that a run adds and that are removed from stored notebooks.
_ADDED = {"injected-parameters", "papermill-error-cell-tag"}
_PNG = "image/png"
# Size of a stored figure: pixels of its width, and colours.
_WIDTH_PX = 600
_COLORS = 16
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_NOTES = (b"tEXt", b"iTXt", b"zTXt", b"tIME")


def canonical(notebook: Any) -> Any:
    """Return the canonical form of a notebook node; the node is not modified."""
    import nbformat

    node = nbformat.v4.upgrade(nbformat.from_dict(notebook))
    cells = [cell for cell in node.cells if not _ADDED & set(cell.metadata.get("tags", ()))]
    kept = {name: node.metadata[name] for name in ("title", "watchme") if name in node.metadata}
    result = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            **kept,
        }
    )
    seen: set[str] = set()
    count = 0
    for number, cell in enumerate(cells, start=1):
        source = "\n".join(line.rstrip() for line in cell.source.strip("\n").split("\n"))
        ident = cell.id if cell.id not in seen else f"cell-{number}"
        seen.add(ident)
        tags = sorted(set(cell.metadata.get("tags", ())))
        metadata = {"tags": tags} if tags else {}
        # Texts in other languages than English, which reports show instead of the source.
        metadata |= {name: cell.metadata[name] for name in LANGUAGES if name in cell.metadata}
        if cell.cell_type != "code":
            prose = cell.cell_type == "markdown"
            make: Any = nbformat.v4.new_markdown_cell if prose else nbformat.v4.new_raw_cell
            result.cells.append(make(source, id=ident, metadata=metadata))
            continue
        fresh = nbformat.v4.new_code_cell(source, id=ident, metadata=metadata)
        if cell.execution_count is not None:
            count += 1
            fresh.execution_count = count
        fresh.outputs = _outputs(cell.outputs, fresh.execution_count)
        result.cells.append(fresh)
    return result


def _outputs(outputs: Iterable[Any], count: int | None) -> list[Any]:
    """Return copies of outputs, with consecutive outputs of a stream merged."""
    import nbformat

    found: list[Any] = []
    for output in outputs:
        if output.output_type == "stream":
            if found and found[-1].get("name") == output.name:
                found[-1].text += output.text
            else:
                found.append(nbformat.v4.new_output("stream", name=output.name, text=output.text))
        elif output.output_type == "error":
            found.append(output)
        else:
            data = {kind: _plain(kind, value) for kind, value in output.data.items()}
            found.append(nbformat.v4.new_output(output.output_type, data=data, metadata=output.metadata))
            if output.output_type == "execute_result":
                found[-1].execution_count = count
    return found


def _plain(kind: str, value: Any) -> Any:
    if kind == _PNG:
        return base64.b64encode(without_notes(_narrow(base64.b64decode(value)))).decode() + "\n"
    return value


def _narrow(png: bytes) -> bytes:
    """Return a PNG of few colours and no more than the stored width; a narrow one is unchanged."""
    if not png.startswith(_PNG_HEAD):
        return png
    from PIL import Image

    picture = Image.open(io.BytesIO(png))
    if picture.width <= _WIDTH_PX:
        return png
    size = (_WIDTH_PX, round(picture.height * _WIDTH_PX / picture.width))
    # Sharp edges: with other filters and with dithering, a figure needs twice the bytes.
    narrow = picture.convert("RGB").resize(size, Image.Resampling.BOX)
    small = narrow.quantize(_COLORS, dither=Image.Dither.NONE)
    written = io.BytesIO()
    small.save(written, "PNG", optimize=True)
    return written.getvalue()


def without_notes(png: bytes) -> bytes:
    """Return a PNG without text and time chunks (PNG specification, section 11.3); pixels are unchanged."""
    if not png.startswith(_PNG_HEAD):
        return png
    kept, at = bytearray(_PNG_HEAD), len(_PNG_HEAD)
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        end = at + 12 + size  # length, type, data, checksum
        if png[at + 4 : at + 8] not in _PNG_NOTES:
            kept += png[at:end]
        at = end
    return bytes(kept)


def text_of(notebook: Any) -> str:
    """Return the file content of a notebook in canonical form."""
    import nbformat

    return str(nbformat.writes(canonical(notebook))).rstrip("\n") + "\n"


def read(path: Path) -> Any:
    """Return the notebook node of a file.

    Raises
    ------
    InputError
        When the file is not a notebook.
    """
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise InputError(f"The notebook {path} can't be read: {error}") from error


def execute(notebook: Any, folder: Path) -> Any:
    """Run a notebook with its default parameters in its folder; return it with its outputs.

    Raises
    ------
    ReportError
        When a cell fails.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    from watchme_analysis.report.kernel import running_kernel

    with running_kernel(folder) as kernel:
        try:
            return NotebookClient(notebook, km=kernel).execute()
        except CellExecutionError as error:
            raise ReportError(
                f"A cell fails, so that nothing is stored: {error.ename}: {error.evalue}"
            ) from error


def notebooks_of(paths: Iterable[Path]) -> list[Path]:
    """Return the notebooks among the paths and in folders.

    Raises
    ------
    InputError
        When a path is neither a notebook nor a folder with a notebook.
    """
    found: list[Path] = []
    for path in paths:
        here = sorted(path.glob("*.ipynb")) if path.is_dir() else [path] if path.suffix == ".ipynb" else []
        if not here:
            raise InputError(
                f"{path} is not a notebook and contains none: give a .ipynb file or their folder."
            )
        found.extend(here)
    return found


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when a notebook is not canonical.")
@click.option("--run", is_flag=True, help="Run each notebook with its defaults first, to store its outputs.")
def main(paths: tuple[Path, ...], check: bool, run: bool) -> None:
    """Rewrite the notebooks among PATHS, files or folders, in canonical form."""
    try:
        changed = [path for path in notebooks_of(paths) if _rewrite(path, check, run)]
    except WatchmeError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    for path in changed:
        click.echo(f"{path}: {'not canonical' if check else 'rewritten'}")
    if check and changed:
        sys.exit(1)


def _rewrite(path: Path, check: bool, run: bool) -> bool:
    before = path.read_text(encoding="utf-8")
    notebook = read(path)
    if run:
        notebook = execute(notebook, path.parent)
    after = text_of(notebook)
    if after == before:
        return False
    if not check:
        path.write_text(after, encoding="utf-8")
    return True


if __name__ == "__main__":
    main()
