import pytest
from worlds.receivers import MailServer, Webhook


@pytest.fixture
def webhook():
    """A webhook that records what is posted."""
    server = Webhook()
    yield server
    server.close()


@pytest.fixture
def mail_server():
    """A mail server that records messages."""
    server = MailServer()
    yield server
    server.close()
