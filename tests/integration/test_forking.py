"""Processes that xinf starts while gRPC is busy, in the very loop that xinf runs in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

# `main` is called as the command is, with a command that is this test's own: tried is what it does
# before any command.
PROGRAM = """
import asyncio, collections, json, os, sys
from xinf.cli import main


def command(**_):
    import grpc, uvloop
    from grpc import aio

    async def answer(body, context):
        await asyncio.sleep(0.001)
        return body

    async def run(address):
        server = aio.server()
        handlers = {"e": grpc.unary_unary_rpc_method_handler(answer)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", handlers),))
        server.add_insecure_port(address)
        await server.start()

        async def ask():
            while True:
                async with aio.insecure_channel(address) as channel:
                    for _ in range(20):
                        await channel.unary_unary("/s/e")(b"x")

        asking = [asyncio.ensure_future(ask()) for _ in range(8)]
        codes = collections.Counter()
        for _ in range(300):
            child = await asyncio.create_subprocess_exec("true", start_new_session=True)
            codes[await child.wait()] += 1
        print(json.dumps(codes), flush=True)
        os._exit(0)  # what is under way is nobody's any more

    uvloop.run(run("unix:" + sys.argv[1]))


main.app = command
main.main()
"""


def test_no_process_dies_of_grpc_between_its_fork_and_its_program() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    address = Path(f"/tmp/xg{os.getpid()}.sock")  # sockets need a short path
    try:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(address)],
            env=env,
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
    finally:
        address.unlink(missing_ok=True)
    assert json.loads(ended.stdout) == {"0": 300}
