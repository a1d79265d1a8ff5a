"""Files as evidence: found, decompressed, split into lines, and read as CSV, JSON or YAML.

Entry point: `evidence_file.RawFile` and `evidence_file.Source`, the contract of every reader.

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`),
`storage`, `values`, `text`, `redact`.

Never: depends on the shape of one kind of evidence, or uses the network.
"""
