"""Log messages of known programs: who writes them, what they mean, and what they exclude.

The knowledge is data: each entry of ``known/*.toml`` is one message of one program, with its source.

Entry point: `known_messages.known_message`, for one line.

Imports: `text`.

Never: opens a file other than its own, or runs one of the commands that it proposes.
"""
