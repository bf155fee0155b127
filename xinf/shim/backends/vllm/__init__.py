"""Real, unpatched vLLM in this process: its engine, and its own serving layer before it.

- A request runs through vLLM's OpenAI app in process, over ASGI: what it validates, renders and
  answers is its own doing, and its bytes go on as they are. There is no port and no second server.
- A request ends early as a client of vLLM's server would end it: by a disconnect. Cancelling the
  app's coroutine instead leaves the work behind it running to its end.
- Usage is always asked for and taken out again where the client did not: accounting needs it.
- vLLM names moved with every recent release. All that we lean on stand in `names`, which is
  imported when the engine is built and not before: it takes ten seconds.
"""

from __future__ import annotations

from xinf.shim.backends.vllm.backend import VllmBackend

__all__ = ["VllmBackend"]
