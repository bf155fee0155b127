"""Generate the protocol's Python stubs next to their .proto file.

python scripts/gen_proto.py            write them
python scripts/gen_proto.py --check    exit 1 if what is there is stale
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = Path("xinf/protocol/engine_service.proto")


def generate(into: Path) -> dict[Path, str]:
    """Run protoc with output below `into`; every generated file, by its path below it."""
    code = protoc.main(
        [
            "protoc",
            f"-I{ROOT}",
            f"--python_out={into}",
            f"--pyi_out={into}",
            str(ROOT / PROTO),
        ]
    )
    if code:
        raise SystemExit(f"protoc failed with exit code {code}")
    made = sorted((into / PROTO.parent).glob("engine_service_pb2*"))
    return {path.relative_to(into): path.read_text() for path in made}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        fresh = generate(Path(scratch))
    stale = [path for path, text in fresh.items() if not _holds(ROOT / path, text)]
    if "--check" in sys.argv[1:]:
        if stale:
            names = ", ".join(map(str, stale))
            raise SystemExit(f"stale: {names}. Run `python scripts/gen_proto.py`.")
        return
    for path in stale:
        (ROOT / path).write_text(fresh[path])
        print(f"wrote {path}")


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    main()
