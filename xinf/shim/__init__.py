"""The engine's side. Runs in the engine's interpreter; shares only the protocol.

A shim is one process around one engine. Its life: read the options, build the engine on the main
thread, start an event loop, warm up, serve the protocol on a Unix socket until something ends it
(`exits`), and leave an exit file that says why. What happens to one request: `session` reads its
Open and Body frames, `work` runs it in the backend, its answer collects in a `lane`, and the
`outbox` of the session takes fair turns at all lanes to fill one message per turn of the loop.
"""
