"""A GGUF file as a folder that vLLM loads: weights as safetensors, config, tokenizer, template.

    python -P -m xinf.shim.convert_gguf FILE.gguf NEW_FOLDER

vLLM itself no longer reads GGUF; its runtime has what it takes to translate it once. Each line on
standard output is JSON `{"what", "done", "total"}`, for a progress bar. The folder must not exist:
whoever calls makes it aside and moves it when this has exited with 0. The last line on standard
error says why it did not.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STEPS = ("reading the GGUF file", "writing weights", "writing the tokenizer")
USAGE = "usage: python -m xinf.shim.convert_gguf FILE.gguf NEW_FOLDER"


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    source, target = map(Path, arguments)
    try:
        target.mkdir()
        convert(source, target)
    except Exception as problem:
        # One line: libraries put whole pages into their exceptions.
        words = " ".join(str(problem).split())
        sys.stderr.write(f"{type(problem).__name__}: {words}\n")
        return 1
    return 0


def convert(source: Path, target: Path) -> None:
    """Dequantize to bfloat16. Raises what transformers does for a file that it cannot read."""
    _tell(0)
    library = _library()
    where: dict[str, Any] = {"gguf_file": source.name, "local_files_only": True}
    model = library.AutoModelForCausalLM.from_pretrained(
        source.parent,
        dtype="bfloat16",
        quantization_config=library.GgufConfig(dequantize=True),
        **where,
    )
    _tell(1)
    model.save_pretrained(target)
    _tell(2)
    library.AutoTokenizer.from_pretrained(source.parent, **where).save_pretrained(target)
    _tell(3)


def _library() -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    warnings.simplefilter("ignore")
    import transformers  # pyright: ignore[reportMissingImports]

    library: Any = transformers
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    return library


def _tell(done: int) -> None:
    what = STEPS[min(done, len(STEPS) - 1)]
    sys.stdout.write(json.dumps({"what": what, "done": done, "total": len(STEPS)}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
