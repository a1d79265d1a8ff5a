"""The compiled loop over paths, against literal routes and the pattern."""

from worlds.together import together

from watchme_analysis.access_logs.routes import compiled_routes, route_of, routes_of, same_endpoint
from watchme_analysis.files.arrow_arrays import array_of

ROUTES = {
    "/a/1": "/a/*",
    "/1/a/22/": "/*/a/*/",
    "": "",
    "/": "/",
    "a": "a",
    "7": "*",
    "//7//": "//*//",
    "/v1": "/v1",
    "/1a": "/1a",
    # Hexadecimal digits from eight on, one of them a number.
    "/1abcdef": "/1abcdef",
    "/1abcdefA": "/*",
    "/abcdefab": "/abcdefab",
    "/1abcdefg": "/1abcdefg",
    # Letters, dashes and underscores from sixteen on, with four digits or more.
    "/abcdefgh-ijk1234": "/*",
    "/abcdefghijk_1234": "/*",
    "/abcdefghij_1234": "/abcdefghij_1234",
    "/abcdefghij_z123": "/abcdefghij_z123",
    "/abcdefghij_123": "/abcdefghij_123",
    "/abcdefghij_1234.": "/abcdefghij_1234.",
    "/ABCXYZ@@@@@1234567": "/ABCXYZ@@@@@1234567",
    "/Z" * 3 + "/zzzzzzzzzzzzzzzzzz9999": "/Z/Z/Z/*",
    # Dates with anything behind them.
    "/2025-12-10": "/*",
    "/2025-12-10T10:00.csv": "/*",
    "/2025-12-1": "/2025-12-1",
    "/2025-12-1x.csv": "/2025-12-1x.csv",
    "/2025x12-10.csv": "/2025x12-10.csv",
    "/2025-12x10.csv": "/2025-12x10.csv",
    "/202x-12-10.csv": "/202x-12-10.csv",
    "/2025-1/-10.csv": "/2025-1/-10.csv",
    "/2025-1:-10.csv": "/2025-1:-10.csv",
    # UUIDs, whose letters need no number of digits.
    "/abcdefab-abcd-abcd-abcd-abcdefabcde1": "/*",
    "/abcdefab-abcd-abcd-abcd-abcdefabcdef": "/*",
    "/abcdefabcabcd-abcd-abcd-abcd-efabcde": "/abcdefabcabcd-abcd-abcd-abcd-efabcde",
}


def routes(paths):
    return compiled_routes(array_of(paths, "text")).to_pylist()


def test_ids_are_replaced():
    assert dict(zip(ROUTES, routes([*ROUTES]), strict=True)) == ROUTES
    assert {path: route_of(path) for path in ROUTES} == ROUTES
    assert routes_of([*ROUTES]) == [*ROUTES.values()]


@together(
    ("endpoint", "known", "path"),
    [
        ("/health", ["/health", "/api/health"], "/health"),
        ("/health", ["/api/health", "/other"], "/api/health"),
        ("/health", ["/api/health", "/b/health"], None),
        ("/", ["/api/"], None),
        ("/", ["/", "/api/"], "/"),
        ("/health", [], None),
    ],
)
def test_a_path_inside_of_a_container_is_one_outside(endpoint, known, path):
    assert same_endpoint(endpoint, known) == path
