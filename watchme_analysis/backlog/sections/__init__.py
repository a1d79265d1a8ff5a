"""Sections of the backlog page: the timeline and its tables.

Entry point: one function per figure or table.

Imports: `backlog`, `present` and below.

Never: computes values that belong in a frame.
"""
