#!/usr/bin/env python3
"""Peers of the proxy: an origin server that does what the path says, and clients.

Run as a program it is the origin alone, in a process of its own: prints its port, ends with its
standard input.
"""

import asyncio
import random
import socket
import struct
import sys
import time

BIG = 16 * 1024 * 1024


class Origin:
    """/big: 16 MiB; /drip: a byte each 200 ms; /pause: 200 after 0.5 s; /hang: no answer;
    /close: ends behind its answer; /flaky: every third time 503 or an end; else "ok"."""

    def __init__(self):
        self.port = 0
        self.active = 0
        self._server = None
        self._big = b"x" * BIG

    async def start(self, port=0):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        self._server.close()

    async def _serve(self, reader, writer):
        self.active += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError,
                asyncio.CancelledError):
            pass                     # The proxy went, or the test is over.
        finally:
            self.active -= 1
            writer.close()

    async def _exchange(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1]
        await self._read_body(head.lower(), reader)
        if path.startswith(b"/hang"):
            await reader.read(1)
            return False
        if path.startswith(b"/big"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG)
            for at in range(0, BIG, 65536):
                writer.write(self._big[at:at + 65536])
                await writer.drain()
            return True
        if path.startswith(b"/drip"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n")
            for _ in range(20):
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.2)
            return True
        if path.startswith(b"/pause"):
            await asyncio.sleep(0.5)
        if path.startswith(b"/flaky") and random.random() < 0.3:
            if random.random() < 0.5:
                return False
            writer.write(b"HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n")
            return True
        closing = path.startswith(b"/close")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        return not closing

    async def _read_body(self, head, reader):
        if b"\r\ncontent-length: " in head:
            left = int(head.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(left)
        elif b"\r\ntransfer-encoding: chunked" in head:
            while True:
                size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
                await reader.readexactly(size + 2)
                if size == 0:
                    return


async def connect(target, receive_buffer=0):
    """A connection to a port of 127.0.0.1, or to a Unix socket."""
    if isinstance(target, str):
        return await asyncio.open_unix_connection(target)
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", target))
    return await asyncio.open_connection(sock=sock, limit=1024 if receive_buffer else 65536)


def reset(writer):
    """Ends a connection by RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def status_of(reader):
    """The status of one response, its body read; 0 when the connection ended first."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length: "):
                length = int(line[16:])
        await reader.readexactly(length)
        return int(head.split(b" ", 2)[1])
    except (OSError, asyncio.IncompleteReadError):
        return 0


class Neighbour:
    """Somebody else's requests on a connection of its own: each must be answered with 200."""

    def __init__(self, target):
        self.served = 0
        self.failed = []
        self.longest = 0.0
        self._target = target
        self._task = None

    async def __aenter__(self):
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self):
        reader, writer = await connect(self._target)
        while True:
            begun = time.monotonic()
            writer.write(b"GET /ok HTTP/1.1\r\nHost: neighbour\r\n\r\n")
            status = await status_of(reader)
            self.longest = max(self.longest, time.monotonic() - begun)
            if status == 200:
                self.served += 1
            else:
                self.failed.append(status)
                writer.close()
                reader, writer = await connect(self._target)
            await asyncio.sleep(0.02)


async def _main():
    origin = Origin()
    await origin.start()
    print(origin.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
