"""Why a `/health` is slow or fails: observations, weights and the verdict.

Entry point: `diagnosis.diagnose`.

Imports: `health.incident`, `health.configuration`, `requests`, `inference` and below.

Never: draws, or reads files.
"""
