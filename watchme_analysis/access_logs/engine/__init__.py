"""The parsers of access logs: one reference parser, and two fast ones that must agree with it.

Entry point: `engine.Engine`, which reads one block into a `chunk.Chunk`; `reference_parser.LineReader` is
exact and slow.

Imports: `access_logs.formats`, `files` and below; numba only in the modules that `jit` compiles.

Never: decides which lines are wanted beyond a `Selection`, or differs from the reference parser.

With numba: `program` (the format as slots), `line_loop`, `request_line_loop`, `route_loop`, `kernel`,
`gather` and `vectors` (the compiled loops), `compiled` (their caller). Without numba: `arrow`. Both leave
ambiguous lines to the reference parser, and `columns` puts all of them into one table.
"""
