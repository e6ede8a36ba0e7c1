"""A strict HTTP/1 reader for what a proxy sends: bytes in, messages out.

Written for tests: it remembers everything, and anything that is not plain HTTP/1.1 as RFC 9112 has
it ends the reading with a reason. It shares no code with what it reads from.
"""

import dataclasses
import re

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\xff]+) HTTP/1\.[01]\Z")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) ([\t\x20-\x7e\x80-\xff]*)\Z")
_LENGTH = re.compile(rb"\d{1,18}\Z")


@dataclasses.dataclass
class Message:
    """One message; `end` is "complete", "until close" or what was missing."""
    start: str
    headers: list = dataclasses.field(default_factory=list)     # (name, value), as received
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    end: str = "cut"
    method: str = ""
    status: int = 0

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name]


class Reader:
    """Feed it bytes; `messages` grows. After a tunnel begins, bytes go to `tunnel`."""

    def __init__(self, responses, methods=()):
        self.messages = []
        self.tunnel = b""
        self.is_tunnel = False
        self.broken = ""
        self._responses = responses
        self._methods = methods      # Of the requests, in order; shared with the sender.
        self._finals = 0
        self._buffer = b""
        self._state = self._head
        self._left = 0

    def feed(self, data):
        if self.is_tunnel:
            self.tunnel += data
            return
        self._buffer += data
        while not self.broken and self._buffer and self._state():
            pass

    def end(self):
        """The peer closed. True if no message was cut by it."""
        if self._state == self._until_close and self.messages:
            self.messages[-1].end = "until close"
        if self._buffer and self._state == self._head and not self.broken:
            self.broken = "cut in the head"

    def completed(self):
        """Final responses, or requests, that are whole."""
        return sum(1 for message in self.messages
                   if message.end == "complete" and not 100 <= message.status < 200)

    def rest(self):
        return self._buffer

    def _fail(self, why):
        self.broken = why
        return False

    def _line(self):
        """The next line without its end, or None."""
        line, found, rest = self._buffer.partition(b"\r\n")
        if not found:
            return None
        self._buffer = rest
        return line

    def _head(self):
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        lines = head.split(b"\r\n")
        start = (_STATUS_LINE if self._responses else _REQUEST_LINE).match(lines[0])
        if not start:
            return self._fail(f"bad first line {lines[0][:80]!r}")
        message = Message(lines[0].decode("latin-1"))
        if self._responses:
            message.status = int(start[1])
        else:
            message.method = start[1].decode()
        if not self._fields(lines[1:], message.headers):
            return False
        self._buffer = rest
        self.messages.append(message)
        return self._begin_body(message)

    def _fields(self, lines, into):
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not _TOKEN.match(name):
                return self._fail(f"bad field {line[:80]!r}")
            if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
                return self._fail(f"control byte in {line[:80]!r}")
            into.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        return True

    def _request_method(self):
        if self._finals < len(self._methods):
            return self._methods[self._finals]
        return "GET"

    def _begin_body(self, message):
        codings = message.values("transfer-encoding")
        lengths = message.values("content-length")
        if self._responses:
            method = self._request_method()
            if message.status == 101 or (method == "CONNECT" and message.status // 100 == 2):
                return self._begin_tunnel(message)
            if message.status >= 200:
                self._finals += 1
            if method == "HEAD" or message.status < 200 or message.status in (204, 304):
                return self._complete()
        if codings and lengths:
            return self._fail("both content-length and transfer-encoding")
        if codings:
            if codings != ["chunked"]:
                return self._fail(f"transfer-encoding {codings}")
            self._state = self._chunk_size
            return True
        if lengths:
            if len(lengths) > 1 or not _LENGTH.match(lengths[0].encode("latin-1")):
                return self._fail(f"content-length {lengths}")
            self._left = int(lengths[0])
            self._state = self._length
            return True if self._left else self._complete()
        if self._responses:
            self._state = self._until_close
            return True
        if message.method == "CONNECT":
            return self._begin_tunnel(message)
        return self._complete()

    def _begin_tunnel(self, message):
        message.end = "complete"
        self.is_tunnel = True
        self.tunnel, self._buffer = self._buffer, b""
        return False

    def begin_tunnel(self):
        """What follows is not HTTP: the reader's owner knows."""
        self.is_tunnel = True
        self.tunnel, self._buffer = self._buffer, b""

    def _complete(self):
        self.messages[-1].end = "complete"
        self._state = self._head
        return True

    def _take(self, count):
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        self.messages[-1].body += taken
        self._left -= len(taken)
        return self._left == 0

    def _length(self):
        return self._take(self._left) and self._complete()

    def _until_close(self):
        self._take(len(self._buffer))
        return False

    def _chunk_size(self):
        line = self._line()
        if line is None:
            return False
        if not re.match(rb"[0-9a-fA-F]{1,16}\Z", line):
            return self._fail(f"chunk size {line[:80]!r}")
        self._left = int(line, 16)
        self._state = self._chunk_data if self._left else self._trailers
        return True

    def _chunk_data(self):
        if not self._take(self._left):
            return False
        self._state = self._chunk_end
        return True

    def _chunk_end(self):
        if len(self._buffer) < 2:
            return False
        if self._buffer[:2] != b"\r\n":
            return self._fail("no line end behind a chunk")
        self._buffer = self._buffer[2:]
        self._state = self._chunk_size
        return True

    def _trailers(self):
        line = self._line()
        if line is None:
            return False
        if not line:
            return self._complete()
        return self._fields([line], self.messages[-1].trailers)
