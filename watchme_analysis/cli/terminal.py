"""The line of a terminal that changes while somebody waits."""

import click


def show_line(text: str = "") -> None:
    """Show a text in the place of the line shown before; none takes it away."""
    click.echo(f"\r\033[K{text}", nl=False, err=True)
