"""The HTTP face: OpenAI's API on a loopback port, the admin API on a private Unix socket.

`connection` and `site` make every answer, also to what is hardly HTTP, one envelope; `completions`
relays answers of engines; `serve` opens and drains the two doors. Nothing here waits for the store
except the admin's two writes.
"""
