"""Work on a hub: one at a time on a cluster, shown while it goes on, ended cleanly by whoever ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from tasks.errors import Interrupted, Terminated
from tasks.hub.opened import Hub
from tasks.lock import Lock
from tasks.screen import Screen


@contextmanager
def interruptible(screen: Screen) -> Iterator[None]:
    """What is said when somebody ends it."""
    try:
        yield
    except Terminated as signal:
        raise Interrupted(
            "Ended from outside: the same command mends what is half done, and goes on.", signal.code
        ) from None
    except KeyboardInterrupt:
        raise Interrupted("Interrupted: the same command mends what is half done, and goes on.") from None
    finally:
        screen.rest()


@dataclass
class Work:
    """Also the Watch of every command that takes long: in its pauses lock and token are renewed, and the time is shown."""

    hub: Hub

    @cached_property
    def lock(self) -> Lock:
        return Lock(self.hub.seams, self.hub.way.kubectl)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Refused if somebody else is at work on this cluster."""
        self.lock.take()
        try:
            yield
        finally:
            self.lock.release()

    @contextmanager
    def step(self, name: str, does: str) -> Iterator[None]:
        """Shown while it goes on, with the time it took."""
        clock, screen = self.hub.seams.clock, self.hub.screen
        begun = clock.now()
        screen.begins(name, does, begun)
        try:
            yield
        except BaseException:
            screen.rest()
            raise
        screen.ends(name, clock.now() - begun)

    def started(self, number: int, start: str) -> None:
        """A dead run's commands are found by their private folder."""

    def pause(self) -> None:
        self.lock.renew()
        self.hub.way.keep_fresh()
        self.hub.screen.tick(self.hub.seams.clock.now())

    def ended(self, number: int) -> None: ...
