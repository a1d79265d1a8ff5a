"""Tables, figures and text from frames, for notebooks, HTML pages and terminals.

Entry point: `display.table`, `display.FigureView`, `style` (style of all figures), `console` (terminal).

Imports: `inference`, `text` and below; matplotlib inside of functions.

Never: computes the numbers of a figure, or reads a file.
"""
