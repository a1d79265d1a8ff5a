"""Destinations: one module for each way to deliver a notice.

Entry point: `registry.sender_of`.
"""
