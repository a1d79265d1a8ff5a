"""Formatted strings as Python 3.12 and later write them, read by whichever Python there is."""

import ast

from worlds.together import together

from watchme_analysis.app_source.source_files import parse_source

AFTER = "\n\nasync def health():\n    return requests.get(STORE)\n"


@together(
    "text",
    [
        "name = f'{d['key']}'",
        'name = f"{f"{f"{1}"}"} {{" + "}"',
        "name = f'{'\\n'.join(rows)}: {x:#x} {x:{width}}'",
        "name = rf'\\d{d['it''s']}'",
        "name = f'''\n{d['''a''']}\n'''",
        "name = f'{\n  d['key']  # 'why'\n}'",
        "name = 'f'  # it's f'{d['x']}' in a comment",
    ],
)
def test_what_comes_after_is_read_where_it_stood(text):
    tree, rejected = parse_source((text + AFTER).encode(), "app.py")
    assert rejected is None
    (handler,) = (node for node in tree.body if isinstance(node, ast.AsyncFunctionDef))
    assert handler.lineno == text.count("\n") + 3


def test_what_no_python_reads_is_rejected_with_its_own_line():
    _, rejected = parse_source(b"a = f'{d['k']}'\ndef (:\n", "app.py")
    assert (rejected.file, rejected.text.strip()) in [("app.py", "a = f'{d['k']}'"), ("app.py", "def (:")]
