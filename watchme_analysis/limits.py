"""Limits on evidence: how much of one file is read before the rest of it is left and reported.

Evidence comes from outside, and a few kilobytes can unpack to gigabytes. The limits are generous: no usual
log reaches them. A file that reaches one is read up to it, and the sentence in the report names the limit. To
change one, set its key in ``[limits]`` of ``watchme.toml``, or ``WATCHME_LIMIT_`` and the key in capitals in
the environment; see :mod:`watchme_analysis.config`.

Entry point: `Limits`; the limits in force are `load_config().limits`.

Imports: the standard library only.

Never: reads a file or a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Largest sizes of a file, and of what it holds.

    Attributes
    ----------
    file_mib
        Bytes of a file that is read into memory, unpacked, in MiB. Large access logs are read in parts
        instead.
    unpacked_mib, unpacked_times
        Compressed data is read up to this size in MiB, and beyond it while it is at most so many times as
        large as the compressed bytes. Logs have a ratio of 10 to 100; a decompression bomb has 1,000 or more.
    line_mib
        Bytes of a line in a log, in MiB. A longer line is rejected.
    rejected_lines
        Rejected lines of an access log, once they are more than its rows.
    lines
        Lines of a file that is read into memory.
    rows
        Rows of a table of a case that is loaded into memory.
    json_values
        Values of a JSON document, counted by its commas and brackets, also those in texts.
    table_mib
        Memory of a table of a case, in MiB, and beyond it while it is at most ``unpacked_times`` as large as
        its file.
    settings
        Values in a file of settings (compose, edge), aliases counted as often as they stand.
    nesting
        Alarms and metric math that refer to each other: the longest chain.
    expression_chars
        Characters of metric math, with the expressions that it refers to.
    periods
        Evaluation periods of an alarm.
    file_s
        Seconds for reading a file, and one more for each MiB that it has on disk; of an access log, for each
        MiB that was read of it.
    """

    file_mib: int = 512
    unpacked_mib: int = 256
    unpacked_times: int = 300
    line_mib: int = 4
    rejected_lines: int = 1_000_000
    lines: int = 5_000_000
    rows: int = 50_000_000
    json_values: int = 50_000_000
    table_mib: int = 1024
    settings: int = 100_000
    nesting: int = 100
    expression_chars: int = 10_000
    periods: int = 10_000
    file_s: int = 600

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Limits:
        """Return limits with some values stated.

        Raises
        ------
        ValueError
            When a value is not a whole number from 1.
        """
        for value in values.values():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError("a whole number from 1")
        return cls(**values)  # type: ignore[arg-type]


LIMIT_KEYS = tuple(field.name for field in fields(Limits))
