"""The parsers of access logs: one reference parser, and two fast parsers that must agree with it.

Entry point: `engine.Engine`, which parses one block into a `chunk.Chunk`.

- `reference_parser`: one line at a time; correct and slow. The fast parsers leave ambiguous lines to it.
- `compiled_parser` (with numba): `line_loop` over lines, `value_loops` for times, numbers, request lines and
  other values, `column_loops` from spans to columns, `simd` for many bytes at once, `columns` for the table.
  `jit`, `compilation` and `compile_cache` compile and keep them. `route_loop` replaces ids in paths.
- `arrow_parser` (without numba): whole columns with numpy and Arrow.
- `program`: a format as slots for both fast parsers.

Imports: `access_logs.formats`, `files` and below; numba only in the modules that `jit` compiles.

Never: selects rows beyond a `Selection`, or differs from the reference parser.
"""
