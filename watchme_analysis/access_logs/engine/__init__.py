"""The parsers of access logs: the reference parser, and a compiled parser that must agree with it.

Entry point: `engine.Engine`, which parses one block into a `chunk.Chunk`.

- `reference_parser`: which format a line has, and its values; `reference_lines` converts those of many lines
  together. It defines the correct result.
- `compiled_parser` (with numba): `line_loop` over lines, `value_loops` for times, numbers, request lines and
  other values, `column_loops` from spans to columns, `addresses` for memory, and `columns` for the table.
  `jit`, `compilation` and `compile_cache` compile and keep them. `route_loop` replaces ids in paths.
- `program`: a format as slots for the compiled parser, which leaves ambiguous lines to the reference parser.

Imports: `access_logs.formats`, `files` and below; numba only in the modules that `jit` compiles.

Never: selects rows beyond a `Selection`, or differs from the reference parser.
"""
