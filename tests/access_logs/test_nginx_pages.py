"""Sizes of Nginx's own pages, as computed and as a real nginx sends them."""

import urllib.error
import urllib.request

import pytest
from worlds.nginx import NGINX, free_port, running, temp_paths

from watchme_analysis.access_logs.nginx_pages import nginx_page_sizes

STATUSES = (301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 429, 500, 501, 502, 503, 504)
AGENTS = ("curl/8.5", "Mozilla/4.0 (compatible; MSIE 7.0; Windows)")


def test_a_page_differs_by_version_and_padding():
    sizes = nginx_page_sizes(503)
    # Without a version, with one of four to six digits, and with a note of the packager.
    assert {190, 196, 197, 198} <= sizes
    assert {size + 402 for size in (190, 197)} <= sizes
    assert 38 not in sizes
    assert {162, 169} <= nginx_page_sizes(301)
    assert max(nginx_page_sizes(301)) < 300, "pages of redirects are not padded"
    assert nginx_page_sizes(200) == nginx_page_sizes(499) == frozenset()


@pytest.mark.nginx
@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
@pytest.mark.parametrize("tokens", ["on", "off"])
def test_a_real_nginx_sends_pages_of_these_sizes(tmp_path, tokens):
    class Unfollowed(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    port = free_port()
    locations = "\n".join(
        f"location /{status} {{ return {status}{' /other' if 300 < status < 309 else ''}; }}"
        for status in STATUSES
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; server_tokens {tokens}; {temp_paths(tmp_path)}\n"
        f"server {{ listen 127.0.0.1:{port};\n{locations}\n}} }}\n"
    )
    opener = urllib.request.build_opener(Unfollowed, urllib.request.ProxyHandler({}))
    with running(tmp_path, port):
        for status in STATUSES:
            sizes = []
            for agent in AGENTS:
                asked = urllib.request.Request(
                    f"http://127.0.0.1:{port}/{status}", headers={"User-Agent": agent}
                )
                with pytest.raises(urllib.error.HTTPError) as answer:
                    opener.open(asked, timeout=5)
                assert answer.value.code == status
                sizes.append(len(answer.value.read()))
            assert set(sizes) <= nginx_page_sizes(status), (status, sizes)
            assert (sizes[1] > sizes[0]) == (status >= 400), "pages of errors are padded for a browser"
