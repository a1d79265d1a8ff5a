"""Figures and tables: they show frames and compute nothing.

A figure is a :class:`~watchme_analysis.views.display.Picture` and a table a
:class:`~watchme_analysis.views.display.Shown`; both display themselves in a notebook.
"""
