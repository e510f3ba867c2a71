"""The clients beside the stranger, in a thread of their own: they must lose nothing and hear no lie."""

from __future__ import annotations

import asyncio
import threading
import time

from soak.account import FAULTS, Account, Tally
from soak.listeners import Client, Habits, Listener
from soak.publisher import Publisher
from soak.ways import WAYS

CHANNELS = [f"honest:{n}" for n in range(4)]
PER_SECOND = 5.0
# A client of each way that stays for the whole run, and one that comes and goes.
STAYS_S, VISIT_S, AWAY_S = 1e9, 20.0, 1.5
CATCH_UP_WITHIN_S = 60
SETTLE_S = 2


class Honest(threading.Thread):
    """The clients of `scripts/soak`, and their publisher."""

    def __init__(self, public: tuple[str, int], internal: tuple[str, int], key: str):
        super().__init__(name="honest", daemon=True)
        self.public = public
        self.publisher = Publisher(*internal, CHANNELS, PER_SECOND, key)
        self.tally = Tally()
        self.listeners: list[Listener] = []
        self.open = 0
        self.failure = ""

    def run(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:  # whatever it is, the run has failed, and the other thread says so
            self.failure = f"publishing to the honest clients ended: {error!r}"

    async def _run(self) -> None:
        clients = [self._client(way, visit_s) for way in WAYS for visit_s in (STAYS_S, VISIT_S)]
        living = [asyncio.create_task(client.live(0)) for client in clients]
        try:
            await self.publisher.run(STAYS_S)
            await self._catch_up()
        finally:
            for task in living:
                task.cancel()
            for end in await asyncio.gather(*living, return_exceptions=True):
                if isinstance(end, Exception):
                    self.tally.fault("errors", f"the client itself: {end!r}")

    def _client(self, way: type[Listener], visit_s: float) -> Client:
        self.tally.clients += 1
        names = CHANNELS if visit_s == STAYS_S else CHANNELS[self.tally.clients % 4 :][:2]
        listener = way(Account(f"{way.name} {self.tally.clients}", names, self.tally), 1.0)
        self.listeners.append(listener)

        def is_open(change: int) -> None:
            self.open += change

        return Client(listener, Habits(*self.public, visit_s, AWAY_S), is_open)

    async def _catch_up(self) -> None:
        deadline = time.monotonic() + CATCH_UP_WITHIN_S
        last = self.publisher.last
        while any(each.account.behind(last) for each in self.listeners) and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        await asyncio.sleep(SETTLE_S)
        for listener in self.listeners:
            account = listener.account
            if owed := account.behind(last):
                self.tally.fault("lost", f"{account.who}: {owed} after {account.position()}", owed)
            if not account.epochs:
                self.tally.fault("errors", f"{account.who} never heard where it begins")

    def finish(self) -> None:
        """Publishes no more, and waits until everybody has everything or it is clear that they lack it."""
        self.publisher.stopping = True
        self.join(CATCH_UP_WITHIN_S + SETTLE_S + 10)
        if self.is_alive():
            self.failure = self.failure or "the honest clients did not come to an end"

    def faults(self) -> list[str]:
        found = [f"honest clients: {text}" for text in self.tally.examples]
        if self.failure:
            found.append(self.failure)
        if not self.tally.counts["deliveries"]:
            found.append("nothing was delivered to the honest clients")
        return found

    def describe(self) -> str:
        counts = self.tally.counts
        wrong = ", ".join(f"{counts[what]:,} {what}" for what in FAULTS)
        return (
            f"{self.tally.clients} honest clients: {self.publisher.published:,} published,"
            f" {counts['deliveries']:,} delivered, {counts['reconnects']:,} reconnects; {wrong}"
        )
