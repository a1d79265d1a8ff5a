"""Log formats: literal, variable, literal, variable.

Entry point: `candidates.candidate_formats` (the formats that may have written a log) and
`log_format.compile_format`.

- `log_format`, `apache`: a ``log_format`` of Nginx or a ``LogFormat`` of Apache, compiled.
- `log_variables`: kinds of variables and the patterns of their values.
- `column_sources`: the variable that fills each column of ``access_log``; no other module decides it.
- `known_formats`: the formats that need no configuration, as data in ``known/*.toml``.
- `program_lines`, `json_log`, `labelled`, `w3c`: lines that no ``log_format`` describes.

Request lines are split by `values`, times and numbers are read by `values`.

Imports: `nginx_conf`, `files` and below.

Never: reads a file of lines, which the engine does.
"""
