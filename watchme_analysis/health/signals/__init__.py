"""Signals of the `/health` question, a module for each topic; the docstring of each module names it.

Entry point: the list `DETECTORS` of each module, which `health.detectors` joins.

Imports: `health.context`, `health.rows`, `health.affected_service`, `requests`, `inference` and below.

Never: knows a cause. The files in `health/causes` say what a signal means for each cause.
"""
