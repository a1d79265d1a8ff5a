"""Use cases shared by commands, notebooks, reports and Python code.

Entry point: `diagnose.diagnose`, `collect.pull`.

Imports: every package below.

Never: formats output, or parses command-line options.
"""
