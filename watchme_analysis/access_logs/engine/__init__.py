"""The parsers of access logs: the reference parser, and a compiled parser that must agree with it.

Entry point: `engine.Engine`, which parses one block into a `chunk.Chunk`.

- `reference_parser`: which format a line has, and its values; `reference_lines` converts those of many lines
  together. It defines the correct result.
- `compiled_parser` (with numba): the `loops` over the lines of a block, and `columns` for the table.
- `program`: a format as slots for the compiled parser, which leaves ambiguous lines to the reference parser.

Imports: `access_logs.formats`, `files` and below; numba only in `loops`.

Never: selects rows beyond a `Selection`, or differs from the reference parser.
"""
