"""Serial ports without hardware: pseudo-terminals of this machine, at paths that stay when they are plugged in anew."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Callable
from pathlib import Path


class SerialPort:
    """A port at `path`, for a program that opens it; the test is at the other end of the line.

    What the program sends is given to `received`. Use within a running event loop.
    """

    def __init__(self, path: Path, received: Callable[[bytes], object] = lambda data: None) -> None:
        self.path = path
        self.received = received
        self._ends: tuple[int, int] | None = None

    def plug(self) -> None:
        """Make the port."""
        assert self._ends is None, "is plugged in"
        line, port = os.openpty()
        # a serial line echoes nothing and changes no byte; and as we keep the port open, programs may come and go
        tty.setraw(port)
        os.set_blocking(line, False)
        self.path.symlink_to(os.ttyname(port))
        self._ends = line, port
        asyncio.get_running_loop().add_reader(line, self._readable)

    def unplug(self) -> None:
        """Take the port away, also from a program that has it open; may be repeated."""
        if self._ends is None:
            return
        asyncio.get_running_loop().remove_reader(self._ends[0])
        self.path.unlink()
        for end in self._ends:
            os.close(end)
        self._ends = None

    def write(self, data: bytes) -> None:
        """Send `data` to the program; nobody gets it while the port is not plugged in."""
        if self._ends is not None and data:
            os.write(self._ends[0], data)

    def _readable(self) -> None:
        if self._ends is not None:
            self.received(os.read(self._ends[0], 4096))


class NullModem:
    """Two ports that are joined: what a program writes to `a`, the one at `b` reads, and the other way round."""

    def __init__(self, folder: Path) -> None:
        self.a = SerialPort(folder / "a")
        self.b = SerialPort(folder / "b")
        self.a.received = self.b.write
        self.b.received = self.a.write

    def plug(self) -> None:
        """Make both ports."""
        self.a.plug()
        self.b.plug()

    def unplug(self) -> None:
        """Take both away; may be repeated."""
        self.a.unplug()
        self.b.unplug()
