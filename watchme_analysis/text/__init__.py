"""Sentences for a language and a time zone, and the formats of numbers, durations and times.

Entry point: `message.message`, `render.render`, `formats.counted`.

Imports: `redact` and the foundation only.

Never: computes statistics or decides what is said.
"""
