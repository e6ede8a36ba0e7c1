"""Clients and upstreams of a case: raw sockets that follow a script and remember what they saw."""

import asyncio
import re
import socket
import struct

import casefile
import frames
import messages

_REQUEST_LINE = re.compile(rb"^([A-Z]+) \S+ HTTP/1\.[01]\r?$", re.MULTILINE)
DEFAULT_ANSWER = casefile.Answer("complete", steps=[
    casefile.Step("send", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")])
DEFAULT_FRAMES = [casefile.Step("frame", "HEADERS $ :status=200 content-length=2"),
                  casefile.Step("frame", "DATA $ end hi")]


class Connection:
    """A socket, and the end that the other side gave it."""

    def __init__(self, sock, raw=False, channel=None):
        self.sock = sock
        self.raw = raw               # How the other side ends it is told apart.
        self.channel = channel       # Its TLS.
        self.fate = "open"           # open, closed or reset (by the proxy), we closed
        self.changed = asyncio.Event()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def read_all(self, on_bytes):
        """Reads until an end; `on_bytes` gets the bytes."""
        loop = asyncio.get_running_loop()
        while True:
            end = "closed"
            try:
                data = await loop.sock_recv(self.sock, 65536)
            except ConnectionResetError:
                data, end = b"", "reset" if self.raw else "closed"
            except OSError:
                data, end = b"", "closed"
            if not data:
                if self.channel:
                    self.channel.end_of_input()
                if self.fate == "open":
                    self.fate = end
                self.changed.set()
                return
            if self.channel:
                data, answer = self.channel.feed(data)
                await self._send(answer)
            on_bytes(data)
            self.changed.set()

    async def greet(self):
        await self._send(self.channel.start())

    async def send(self, data):
        await self._send(self.channel.seal(data) if self.channel else data)

    async def _send(self, data):
        try:
            await asyncio.get_running_loop().sock_sendall(self.sock, data)
        except OSError:
            pass                     # The proxy went; its end is seen by the reader.

    def end(self, how):
        """close, reset or half-close."""
        try:
            if self.channel and how != "reset":
                self.sock.send(self.channel.finish())
            if how == "half-close":
                self.sock.shutdown(socket.SHUT_WR)
                return
            if how == "reset":
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self.fate == "open":
            self.fate = "we closed"
        self.close()

    def close(self):
        """Gives the descriptor back; nobody may wait for it any more, its number is used again."""
        if self.sock.fileno() >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self.sock.fileno())
            loop.remove_writer(self.sock.fileno())
            self.sock.close()


class Client:
    """One connection to the proxy's listener."""

    def __init__(self, script, port, raw=False, channel=None):
        self.label = script.label
        self.channel = channel
        self.raw = raw
        self.methods = []
        self.reader = frames.Reader() if script.http2 else messages.Reader(True, self.methods)
        if raw:
            self.reader.begin_tunnel()
        self.connection = None
        self._source = script.source
        self._http2 = script.http2
        self._port = port
        self._task = None
        self._received = 0
        self._raw = b""

    async def _connect(self):
        sock = socket.socket()
        sock.setblocking(False)
        if self._source:
            sock.bind((self._source, 0))
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        except OSError:
            pass
        self.connection = Connection(sock, self.raw, self.channel)
        if self.channel:
            await self.connection.greet()
        self._task = asyncio.create_task(self._read())
        if self._http2:
            await self.connection.send(frames.PREFACE)

    async def _read(self):
        await self.connection.read_all(self._on_bytes)
        # As clients do: otherwise the proxy waits for it.
        if not self.raw:
            self.connection.end("close")

    def _on_bytes(self, data):
        self._raw += data
        self.reader.feed(data)

    async def run(self, steps, patience):
        if not self.connection:
            await self._connect()
        for step in steps:
            if step.what == "send":
                self.methods += [m.decode() for m in _REQUEST_LINE.findall(step.value)]
                await self.connection.send(step.value)
            elif step.what == "frame":
                if ":method=" in step.value:
                    self.methods.append("")  # One more answer to wait for.
                await self.connection.send(frames.encode(step.value, casefile.unescape))
            elif step.what == "wait":
                await asyncio.sleep(step.value)
            elif step.what == "receive":
                await self._receive(step.value, patience)
            elif step.what in ("close", "reset", "half-close"):
                self.connection.end(step.what)

    async def _until(self, done, seconds):
        """Waits until done() or the connection ended; False when the time is up."""
        try:
            async with asyncio.timeout(seconds):
                while not done() and self.connection.fate == "open":
                    self.connection.changed.clear()
                    await self.connection.changed.wait()
        except TimeoutError:
            return False
        return True

    async def _receive(self, text, patience):
        if text is None and self.raw:
            await self._until(lambda: False, patience)
        elif text is None:
            self._received += 1
            await self._until(lambda: self.reader.completed() >= self._received, patience)
        else:
            await self._until(lambda: text in self._raw, patience)

    async def settle(self, patience, quiet):
        """Waits for what is still owed, then long enough to see the connection's end."""
        if self.connection.fate == "open" and not self.reader.is_tunnel:
            await self._until(lambda: self.reader.completed() >= len(self.methods), patience)
        await self._until(lambda: False, quiet)

    async def close(self):
        if self.connection.fate == "open":
            self.connection.end("close")
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.connection.close()


class UpstreamConnection:
    """What one connection brought, and the answers to it."""

    def __init__(self, sock, upstream):
        self.connection = Connection(sock, upstream.raw, upstream.new_channel())
        self.requests = []           # (order over all connections, Message)
        self.reader = messages.Reader(False)
        if upstream.raw:
            self.reader.begin_tunnel()
        self._upstream = upstream
        self._opening = b""          # None: it is known what is spoken.
        self._http2 = False
        self._heads = 0
        self._answers = asyncio.Queue()
        self._waiting = []           # Answers of requests that are not complete yet.
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._answer())]

    async def _read(self):
        await self.connection.read_all(self._on_bytes)
        self.reader.end()

    def _on_bytes(self, data):
        if self._opening is not None:
            data = self._recognize(data)
        self.reader.feed(data)
        for message in self.reader.messages[self._heads:]:
            answer = self._upstream.next_answer()
            self.requests.append((self._upstream.requests, message))
            self._heads += 1
            if answer.when == "early":
                self._answers.put_nowait((message, answer))
            elif answer.when == "complete":
                self._waiting.append((message, answer))
        for entry in [entry for entry in self._waiting if entry[0].end == "complete"]:
            self._waiting.remove(entry)
            self._answers.put_nowait(entry)

    def _recognize(self, data):
        """What to read of the connection's first bytes; those of HTTP/2 are unlike all others."""
        self._opening += data
        if len(self._opening) < len(frames.MAGIC) and frames.MAGIC.startswith(self._opening):
            return b""
        data, self._opening = self._opening, None
        if not data.startswith(frames.MAGIC) or self._upstream.raw:
            return data
        self._http2 = True
        self.reader = frames.Reader(True)
        # Before all answers.
        preface = casefile.Step("send", frames.SERVER_PREFACE)
        self._answers.put_nowait((None, casefile.Answer(steps=[preface])))
        return data[len(frames.MAGIC):]

    async def _answer(self):
        if self._upstream.at_accept:
            await self._perform(self._upstream.at_accept.steps)
        while True:
            message, answer = await self._answers.get()
            if not self._http2 or not message:
                await self._perform(answer.steps)
                continue
            steps = DEFAULT_FRAMES if answer is DEFAULT_ANSWER else answer.steps
            await self._perform(steps, message, self.reader.stream_of(message))

    async def _perform(self, steps, message=None, stream=0):
        for step in steps:
            if step.what == "frame":
                line = step.value.replace("$", str(stream))
                await self.connection.send(frames.encode(line, casefile.unescape))
            elif step.what == "send":
                await self.connection.send(step.value)
                if step.value.startswith(b"HTTP/1.1 101"):
                    self.reader.begin_tunnel()
            elif step.what == "wait":
                await asyncio.sleep(step.value)
            elif step.what in ("close", "reset", "half-close"):
                self.connection.end(step.what)
            elif step.what == "receive":
                await self._receive(step.value, message)
            elif step.what == "echo":
                sent = 0
                while self.connection.fate == "open":
                    if len(self.reader.tunnel) == sent:
                        self.connection.changed.clear()
                        await self.connection.changed.wait()
                    piece = self.reader.tunnel[sent:]
                    sent += len(piece)
                    await self.connection.send(piece)

    async def _receive(self, text, message=None):
        """Waits for bytes, of the request's body in HTTP/2, or without a text for the end."""
        def came():
            return text in (message.body if message else self.reader.tunnel)
        while self.connection.fate == "open" and (text is None or not came()):
            self.connection.changed.clear()
            await self.connection.changed.wait()

    async def close(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.connection.fate == "open":
            self.connection.end("close")
        self.connection.close()


class Upstream:
    """A port of 127.0.0.1 that answers by script, or one that refuses."""

    def __init__(self, name, answers, refuses=False, raw=False, new_channel=lambda: None):
        self.name = name
        self.new_channel = new_channel
        self.raw = raw
        self.requests = 0
        self.connections = []
        self.at_accept = next((a for a in answers if a.when == "accept"), None)
        self._answers = [a for a in answers if a.when != "accept"] or [DEFAULT_ANSWER]
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._task = None
        if not refuses:
            self._socket.setblocking(False)
            self._socket.listen(128)

    def start(self, refuses):
        if not refuses:
            self._task = asyncio.create_task(self._accept())

    def next_answer(self):
        """The script for the next request; the last one is for all that follow."""
        answer = self._answers[min(self.requests, len(self._answers) - 1)]
        self.requests += 1
        return answer

    async def _accept(self):
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._socket)
            self.connections.append(UpstreamConnection(sock, self))

    async def close(self):
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for connection in self.connections:
            await connection.close()
        self._socket.close()
