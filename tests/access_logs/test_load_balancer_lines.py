"""Lines of an Application Load Balancer, written as its documentation shows them."""

import random
from datetime import UTC

import pytest
from worlds.access_fuzz import SECONDS, SEED, damaged, differences, rounds_for
from worlds.access_samples import HTTPS, UNSENT

from watchme_analysis.access_logs.engine.engine import ENGINES, Engine
from watchme_analysis.access_logs.formats.known_formats import stock_formats


def read(*lines, engine="exact"):
    return Engine(stock_formats(), UTC, engine=engine).read("".join(f"{line}\n" for line in lines).encode())


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_every_line_is_accounted_for(engine):
    torn, glued = HTTPS[:400], HTTPS[:150] + HTTPS
    timeless = HTTPS.replace("2018-07-02T22:23:00.186641Z", "yesterday")
    chunk = read(HTTPS, torn, timeless, glued, UNSENT, engine=engine)

    assert chunk.table["line"].to_pylist() == [1, 5]
    assert [one.line for one in chunk.rejected] == [2, 3, 4]
    assert dict(chunk.formats) == {"Application Load Balancer": 2}


# Unlike the first, but with the same fields.
UNESCAPED = f"{UNSENT} -".replace('\\"', "'")
ALIKE = [
    UNESCAPED,
    HTTPS.replace('"www.example.com"', '"-"').replace("https://www.example.com:443", "https://[2001:db8::1]"),
    HTTPS.replace(" 192.0.2.39:2817 ", " [2001:db8::7]:2817 "),
    HTTPS.replace(" 0.086 0.048 0.037 ", " 0.000 0.000123 60.001 ").replace("TLSv1.2", "-"),
    HTTPS.replace('"curl/7.46.0"', '"-1"'),
]


# Values that are not usual, or invalid.
STRANGE = [
    UNESCAPED.replace("2018-11-30T22:22:48.364000Z", "2018-11-30T22:23:01.000000Z"),
    HTTPS.replace(" 0.086 ", " 8.6e-2 "),
    HTTPS.replace(" 0.086 ", " - "),
    HTTPS.replace(" 0.086 ", " 0,086 "),
    HTTPS.replace(" 192.0.2.39:2817 ", " 2001:db8::7:2817 "),
    HTTPS.replace(" 192.0.2.39:2817 ", " - "),
    HTTPS.replace(" 192.0.2.20:80 ", " 192.0.2.20:80,192.0.2.21:80 "),
    HTTPS.replace(" app/my-loadbalancer/50dc6c495c0c9188 ", "  "),
    HTTPS.replace("2018-07-02T22:22:48.364000Z", "yesterday").replace(" 0.086 ", " -1 "),
    HTTPS.replace("https://www.example.com:443/a?b=1", "*"),
    f"{HTTPS} further",
    HTTPS.removesuffix(" TID_123456"),
    f"{HTTPS}\u00e9",
]


@pytest.mark.fuzz
def test_the_engines_agree_on_damaged_lines():
    chance = random.Random(SEED)
    lines = [line.encode() for line in [HTTPS, UNSENT, *ALIKE, *STRANGE]]
    for turn in rounds_for(SECONDS / 4):
        drawn = [chance.choice(lines) for _ in range(chance.randint(1, 30))]
        drawn = [
            damaged(chance, line, chance.choice(lines)) if chance.random() < 0.4 else line for line in drawn
        ]
        data = b"\n".join(drawn) + b"\n"

        assert differences(stock_formats(), data) == [], f"WATCHME_FUZZ_SEED={SEED}, round {turn}: {data!r}"
