"""Keeps a grammar of addresses, which no test needs, from being compiled in each process of the tests.

jsonschema imports it if it can, which takes longer than all other imports of the notebooks' plugin. The
plugin is loaded before any ``conftest.py``, and so this module is named as a plugin in ``pyproject.toml``.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)
