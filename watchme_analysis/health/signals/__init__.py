"""Signals of the `/health` question, a module for each topic; the docstring of each module names it.

Entry point: detectors, declared with `inference.signals.detects`, which `detection` lists.

Imports: `health.context`, `health.rows`, `health.affected_service`, `requests`, `inference` and below.

Never: knows a cause. The files in `health/causes` say what a signal means for each cause.
"""
