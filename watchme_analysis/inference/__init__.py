"""The weighing of evidence: findings, sets of causes, and their ranking.

Entry point: `weighing.weigh`, `findings.Diagnosis`.

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`), `text`.

Never: reads a table, or depends on a specific cause.
"""
