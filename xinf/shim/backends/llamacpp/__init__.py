"""llama.cpp in this process: `xllamacpp`'s server object, spoken to over its own private socket.

Measured on version 2026.10.11549, and the reason for the shape of this package:

- The server is only ever asked to *stream*, with `return_progress`. A request whose connection is
  closed stops at the next write, and progress makes it write once per prefill batch. Without it the
  server looks for closed connections only when one second passed in which no request got a result,
  which under load is never: a cancelled request ran to its end.
- So an answer that is not streamed is put together here, from the very pieces that a stream would
  have carried. Both can never differ.
- At most `parallel` requests are inside the server; others wait here, by priority. Its thread pool
  would otherwise fill with waiting connections.
- A greedy answer is the same to the bit whatever the cache held of its prompt and whichever place
  it runs in, as long as it runs alone. Beside others it shares their batches, where sums are made
  in another order, and a near tie may fall the other way.
- Dropping the server object holds the GIL until its connections have ended: close them first.
"""

from __future__ import annotations

from xinf.shim.backends.llamacpp.backend import LlamaCppBackend

__all__ = ["LlamaCppBackend"]
