"""Numbers, durations and times as they appear in sentences.

Entry point: `formats.counted`, `formats.in_zone`.

Imports: the foundation only.

Never: computes statistics or decides what is said.
"""
