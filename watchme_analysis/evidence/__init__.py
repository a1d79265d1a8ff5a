"""All other shapes of evidence: probes, application logs, edge exports, metrics, Compose, and the prober.

Entry point: one module per kind, listed in `case/readers.toml`; `prober` records probes.

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`), `files`, `text`, `redact`,
`aws_shapes`.

Never: interprets its data for a question.
"""
