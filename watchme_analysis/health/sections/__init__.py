"""Sections of the health page: the timeline, layers, followed requests, configuration.

Entry point: one function per figure or table.

Imports: `health`, `present` and below.

Never: computes what a frame should hold.
"""
