"""Writes the frozen bundles of a format version, once and never again: every later release must read them.

python -m tests.vectors.freeze_bundles v1        refuses when the folder is there
"""

import base64
import json
import sys
import tempfile
from pathlib import Path

from common_apps.transfer.bundle.keypairs import BoxKey, Kem, SigningKey
from common_apps.transfer.bundle.streams import STREAMS
from common_apps.transfer.bundle.writer import write_part
from tests.plain.bundle.samples import facts_of, lines_of

VECTORS = Path(__file__).parent / "bundles"


def freeze(folder: Path) -> None:
    folder.mkdir(parents=True)
    signing = {site: SigningKey.generate(site=site, version="v1") for site in ("request", "response")}
    boxes = {site: {kem: BoxKey.generate(version="v1", kem=kem) for kem in Kem} for site in signing}
    keys = {
        site: {
            "signing_public": base64.b64encode(signing[site].public).decode(),
            "box": {kem: base64.b64encode(box.private).decode() for kem, box in boxes[site].items()},
        }
        for site in signing
    }
    (folder / "keys.json").write_text(json.dumps(keys, indent=2) + "\n")
    index = []
    for stream in STREAMS:
        for kem in Kem:
            for compression in ("zstd", "none"):
                lines = lines_of(stream)
                index.append(_freeze_one(folder, stream, kem, compression, lines, signing, boxes))
    empty = _freeze_one(folder, "settings", Kem.X25519, "zstd", [], signing, boxes, name="empty")
    long = [b'{"type":"setting","id":"k","value":"' + b"x" * 140_000 + b'"}']
    chunks = _freeze_one(folder, "settings", Kem.X25519, "none", long, signing, boxes, name="three_chunks")
    delta = _freeze_one(
        folder,
        "users",
        Kem.X25519,
        "zstd",
        lines_of("users")[:1],
        signing,
        boxes,
        name="delta",
        mode="delta",
        digest="ef" * 32,
    )
    (folder / "index.json").write_text(json.dumps([*index, empty, chunks, delta], indent=1) + "\n")


def _freeze_one(folder, stream, kem, compression, lines, signing, boxes, name=None, **changes):
    name = name or f"{stream}_{kem}_{compression}"
    facts = facts_of(stream, **changes)
    with tempfile.TemporaryDirectory() as bench:
        part = write_part(
            Path(bench),
            facts,
            lines,
            signing=signing[facts.source],
            recipient=boxes[facts.destination][kem].public_key,
            compression=compression,
        )
        (folder / f"{name}.enc").write_bytes(part.path.read_bytes())
    (folder / f"{name}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return {"name": name, "stream": stream, "kem": kem, "source": facts.source, "destination": facts.destination}


if __name__ == "__main__":
    freeze(VECTORS / sys.argv[1])
