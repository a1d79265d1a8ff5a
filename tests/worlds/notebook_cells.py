"""The code cells of a notebook, run in this process: what they show, without a kernel and a page."""

import ast
import json


def run_cells(path, tag=None, **parameters):
    """Run the code cells of a notebook; return the values that they show.

    Parameters
    ----------
    path
        File of the notebook.
    tag
        Only the cells with this tag run, after that of the parameters; without a tag all of them.
    parameters
        Values that replace those of the cell tagged ``parameters``.
    """
    names, shown = {}, []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        tags = cell["metadata"].get("tags", ())
        if tag is not None and not {tag, "parameters"} & {*tags}:
            continue
        *statements, last = ast.parse("".join(cell["source"])).body
        if not isinstance(last, ast.Expr):
            statements.append(last)
        exec(compile(ast.Module(statements, []), path.name, "exec"), names)
        if "parameters" in tags:
            assert parameters.keys() <= names.keys()
            names |= parameters
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), path.name, "eval"), names))
    return shown


def bundle_of(value):
    """Return what a cell shows for a value, by kind of content, without a kernel."""
    if hasattr(value, "_repr_mimebundle_"):
        found = value._repr_mimebundle_()
        return found[0] if isinstance(found, tuple) else found
    return {"text/html": value._repr_html_()}
