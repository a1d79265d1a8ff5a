"""The use cases, once each, for commands, notebooks, reports and Python users.

Entry point: `diagnose.diagnose`, `collect.pull`, `redrive.plan_redrive`.

Imports: every package below.

Never: formats output, or parses options.
"""
