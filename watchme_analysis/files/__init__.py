"""Files as evidence: found, decompressed, split into lines, read as CSV or JSON, and written atomically.

Entry point: `evidence_file.RawFile` and `evidence_file.Source`, the contract of every reader.

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`), `text`, `redact`.

Never: depends on the shape of one kind of evidence, or uses the network.
"""
