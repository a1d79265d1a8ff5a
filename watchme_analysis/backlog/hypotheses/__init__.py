"""Why messages pile up, fail or get lost: observations, weights and the verdict.

Entry point: `diagnosis.diagnose`.

Imports: `backlog.changes`, `queues`, `alarms`, `inference` and below.

Never: draws, or reads files.
"""
