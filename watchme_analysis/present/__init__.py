"""Tables, figures and text from frames, for notebooks, pages and terminals.

Entry point: `display.table`, `display.FigureView`, `style` (the look of every figure), `console` (terminal).

Imports: `inference`, `text` and below; matplotlib inside of functions.

Never: computes a figure's numbers, or reads a file.
"""
