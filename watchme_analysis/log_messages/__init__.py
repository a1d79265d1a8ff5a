"""Log messages of known programs: who writes them, what they mean, and what they exclude.

The knowledge is data: each entry of ``known/*.toml`` is one message of one program, with its source.

Entry point: `explain.explain`, for lines that a person pastes.

Imports: `text`, `redact`, and the names of layers and causes from `inference`.

Never: opens a file, or runs one of the commands that it proposes.
"""
