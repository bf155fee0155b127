"""A program that forks writers and kills them: `python -m tests.support.doomed STORE FOLDER`.

It takes commands, a line each, and answers each with a line:

    start NAME SEED   a process that writes until it is killed   `started`
    kill NAME         by SIGKILL                                 `gone`, when nothing of it is left

A writer appends a line to FOLDER/NAME after each commit that it was told of: what it wrote, the
number in it and the revision. Forked from a process that has all modules, it begins within
milliseconds, so that a kill may strike it while it opens the store as well as while it writes.

What it writes, one transaction after the other:

    models/NAME/…    some keys, all with the next number, synced
    engines/NAME/…   the same, not synced, and the odd ones are deleted every other time
    bank/…           takes from one account what it gives to another, or nothing if another writer
                     was there first
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from xinf.clock import SystemClock
from xinf.meta.sqlite import SqliteStore, open_store
from xinf.meta.store import Conflict, Delete, Expect, Operation, Put

KEYS = 5
# So long that a transaction takes several pages of the file.
REPEATED = 400

ACCOUNTS = 4
TOTAL = 1000 * ACCOUNTS


def block(room: str, name: str, number: int) -> list[Operation]:
    """The transaction of that number."""
    text = f"{number} " * REPEATED
    gone = range(1, KEYS, 2) if room == "engines" and number % 2 else ()
    return [
        Delete(f"{room}/{name}/{key}") if key in gone else Put(f"{room}/{name}/{key}", text)
        for key in range(KEYS)
    ]


def number_in(value: str) -> int:
    """The number of a block's transaction; raises ValueError if the text is not whole."""
    (number,) = set(value.split())
    if value != f"{number} " * REPEATED:
        raise ValueError("torn text")
    return int(number)


def opening_balance() -> Sequence[Operation]:
    return [Put(f"bank/{number}", str(TOTAL // ACCOUNTS)) for number in range(ACCOUNTS)]


class Doomed:
    def __init__(self, store: SqliteStore, name: str, seed: int, acknowledged: int) -> None:
        self.store, self.name, self.acknowledged = store, name, acknowledged
        self.random = random.Random(seed)

    async def write_until_killed(self) -> None:
        numbers = {room: await self.number_of(room) for room in ("models", "engines")}
        while True:
            room = self.random.choice(["models", "engines", "bank"])
            if room == "bank":
                await self.transfer()
                continue
            numbers[room] += 1
            revision = await self.store.transact(block(room, self.name, numbers[room]))
            self.acknowledge(room, numbers[room], revision)

    async def number_of(self, room: str) -> int:
        """Where its predecessor of the same name left off."""
        entry = await self.store.get(f"{room}/{self.name}/0")
        return number_in(entry.value) if entry else 0

    async def transfer(self) -> None:
        accounts = (await self.store.list_prefix("bank/")).entries
        giver, taker = self.random.sample(accounts, 2)
        amount = self.random.randint(1, 100)
        try:
            revision = await self.store.transact(
                [
                    Expect(giver.key, giver.revision),
                    Expect(taker.key, taker.revision),
                    Put(giver.key, str(int(giver.value) - amount)),
                    Put(taker.key, str(int(taker.value) + amount)),
                ]
            )
        except Conflict:
            return
        self.acknowledge("bank", 0, revision)

    def acknowledge(self, room: str, number: int, revision: int) -> None:
        os.write(self.acknowledged, f"{room} {number} {revision}\n".encode())


async def live(path: Path, folder: Path, name: str, seed: int) -> None:
    acknowledged = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async with open_store(path, SystemClock()) as store:
        await Doomed(store, name, seed, acknowledged).write_until_killed()


def start(path: Path, folder: Path, name: str, seed: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        asyncio.run(live(path, folder, name, seed))
    finally:
        os._exit(1)  # it ends by being killed, and by nothing else


def main(path: Path, folder: Path) -> None:
    living: dict[str, int] = {}
    try:
        for line in sys.stdin:
            match line.split():
                case ["start", name, seed]:
                    living[name] = start(path, folder, name, int(seed))
                    print("started", flush=True)
                case ["kill", name]:
                    child = living.pop(name)
                    os.kill(child, signal.SIGKILL)
                    _, status = os.waitpid(child, 0)
                    print("gone" if os.WIFSIGNALED(status) else "was gone", flush=True)
                case _:
                    raise ValueError(line)
    finally:
        for child in living.values():
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
