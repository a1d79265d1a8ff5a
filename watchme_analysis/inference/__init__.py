"""Findings, their weights, and the ranking of causes.

Entry point: `findings.Diagnosis`, `weighing`; `placeholders` explains words in commands to paste.

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`), `text`.

Never: reads a table, or depends on a specific cause.
"""
