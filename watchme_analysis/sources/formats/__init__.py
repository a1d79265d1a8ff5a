"""Formats that access logs are written in, and the plans to read them by."""
