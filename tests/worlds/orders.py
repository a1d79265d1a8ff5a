"""An order pipeline as a second bundled example: ``python tests/worlds/orders.py data/orders-failing``.

A made-up world with keys, paths and a zone of its own: nothing in the package depends on the first team.
"""

import gzip
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

from worlds.backlog_draws import make

SEED = 336
# What the worlds write -> what this team writes.
WORDS = {
    "/async-process": "/v2/charge",
    "file_path": "receipt",
    ".wav": ".pdf",
    "audio": "receipt",
    "📥 処理開始": "charging",
}
_NAMED = re.compile(
    r'(?P<before>\\?"?)device_id(?P<is>\\?"?[:=] ?\\?"?)(?P<device>[0-9a-f-]{36})'
    r'(?P<between>\\?"?,? \\?"?)recorded_at(?P<is2>\\?"?[:=] ?\\?"?)(?P<time>[0-9T:+-]+)'
)
_RECEIPT = re.compile(r"files/[0-9a-f-]{36}/[^\"\\ ]*")


def write_orders(path):
    """Write the folder of evidence of an order pipeline and return its truth."""
    truth = make(SEED, path, "consumer_failing")
    for file in sorted(path.rglob("*.json*")):
        packed = file.suffix == ".gz"
        text = (gzip.decompress(file.read_bytes()) if packed else file.read_bytes()).decode()
        text = _RECEIPT.sub("receipts/current.pdf", _NAMED.sub(_order, text))
        for old, new in WORDS.items():
            text = text.replace(old, new)
        data = text.encode()
        file.write_bytes(gzip.compress(data, 9, mtime=0) if packed else data)
    return truth


def _order(found):
    placed = datetime.fromisoformat(found["time"]).astimezone(UTC)
    number = f"A-{crc32((found['device'] + found['time']).encode()):08x}"
    return (
        f"{found['before']}orderId{found['is']}{number}{found['between']}placedAt{found['is2']}"
        f"{placed:%Y-%m-%dT%H:%M:%SZ}"
    )


if __name__ == "__main__":
    write_orders(Path(sys.argv[1]))
