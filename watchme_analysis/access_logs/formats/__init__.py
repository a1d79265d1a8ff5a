"""Log formats as plans: literal, variable, literal, variable.

Entry point: `candidates.candidate_formats` (the formats that may have written a log),
`log_format.compile_format`.

Imports: `nginx_conf`, `files` and below.

Never: reads a file of lines; that is the engine's work.
"""
