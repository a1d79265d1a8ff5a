import pytest

from watchme_analysis.present import style


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn."""
    figures = []
    finish = style.finish

    def kept(figure, name, alt):
        figures.append(figure)
        return finish(figure, name, alt)

    monkeypatch.setattr(style, "finish", kept)
    return figures
