"""Values of directives that a configuration leaves out, in seconds.

Source: https://nginx.org/en/docs/http/ngx_http_proxy_module.html.
"""

PROXY_CONNECT_TIMEOUT_S = 60.0
PROXY_READ_TIMEOUT_S = 60.0
