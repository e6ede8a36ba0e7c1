"""HTTP/2 as the suite's peers speak it: lines of text to frames, frames to messages.

    HEADERS 1 end :method=GET :scheme=http :authority=example.com :path=/
    DATA 1 end abc       GOAWAY 0, or with the last stream: GOAWAY 0 1
    RST_STREAM 1 8       WINDOW_UPDATE 1 100       PING       PRIORITY 1 3
    SETTINGS 4=65535     RAW 9 0 1 payload         (type, flags, stream)

Fields are literals without indexing and Huffman coding; what a proxy sends is read with nghttp2's
inflater. Each message of a stream is one, informational ones too, and a reset is its end.
"""

import ctypes
import ctypes.util

import messages

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SERVER_PREFACE = bytes([0, 0, 0, SETTINGS, 0, 0, 0, 0, 0])
PREFACE = MAGIC + SERVER_PREFACE
_END_STREAM, _END_HEADERS, _PADDED = 1, 4, 8


class Malformed(Exception):
    """A line that is no frame."""


def frame(kind, flags, stream, payload):
    """A frame's bytes."""
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
            + payload)


def _text(value):
    if len(value) < 127:
        return bytes([len(value)]) + value
    rest, out = len(value) - 127, bytes([127])
    while rest >= 128:
        out += bytes([rest % 128 + 128])
        rest //= 128
    return out + bytes([rest]) + value


def _block(words):
    block = b""
    for word in words:
        name, equals, value = word[1:].partition(b"=")
        if not equals:
            raise Malformed(f"no field: {word.decode()}")
        block += b"\0" + _text(word[:1] + name) + _text(value)
    return block


def encode(line, unescape):
    """The bytes of a line; `unescape` gives those of a word."""
    kind, *words = line.split(" ")
    flags = 0
    if kind == "PING":
        return frame(PING, 0, 0, b"12345678")
    if kind == "SETTINGS":
        entries = [word.partition("=") for word in words]
        return frame(SETTINGS, 0, 0, b"".join(
            int(name).to_bytes(2, "big") + int(value).to_bytes(4, "big")
            for name, _, value in entries))
    if kind == "RAW":
        number, flags, stream = map(int, words[:3])
        return frame(number, flags, stream, unescape(" ".join(words[3:])))
    if kind == "GOAWAY":
        last = int(words[1]) if len(words) > 1 else 0
        return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + int(words[0]).to_bytes(4, "big"))
    stream = int(words.pop(0))
    if kind == "RST_STREAM":
        return frame(RST_STREAM, 0, stream, int(words[0]).to_bytes(4, "big"))
    if kind == "WINDOW_UPDATE":
        return frame(WINDOW_UPDATE, 0, stream, int(words[0]).to_bytes(4, "big"))
    if kind == "PRIORITY":
        return frame(PRIORITY, 0, stream, int(words[0]).to_bytes(4, "big") + b"\x10")
    if words and words[0] == "end":
        flags = _END_STREAM
        del words[0]
    if kind == "DATA":
        return frame(DATA, flags, stream, unescape(" ".join(words)))
    if kind == "HEADERS":
        return frame(HEADERS, flags | _END_HEADERS, stream, _block(map(unescape, words)))
    raise Malformed(f"no frame: {line}")


class _Field(ctypes.Structure):
    _fields_ = [("name", ctypes.POINTER(ctypes.c_ubyte)), ("value", ctypes.POINTER(ctypes.c_ubyte)),
                ("name_size", ctypes.c_size_t), ("value_size", ctypes.c_size_t),
                ("flags", ctypes.c_ubyte)]


class _Inflater:
    _FINAL, _EMIT = 1, 2

    def __init__(self):
        self._library = ctypes.CDLL(ctypes.util.find_library("nghttp2") or "libnghttp2.so.14")
        self._library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self._library.nghttp2_hd_inflate_hd2.argtypes = [
            ctypes.c_void_p, ctypes.POINTER(_Field), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p,
            ctypes.c_size_t, ctypes.c_int]
        self._inflater = ctypes.c_void_p()
        self._library.nghttp2_hd_inflate_new(ctypes.byref(self._inflater))

    def __del__(self):
        self._library.nghttp2_hd_inflate_del(self._inflater)

    def fields(self, block):
        """[(name, value)]"""
        found = []
        while True:
            field, flags = _Field(), ctypes.c_int()
            taken = self._library.nghttp2_hd_inflate_hd2(
                self._inflater, ctypes.byref(field), ctypes.byref(flags), block, len(block), 1)
            if taken < 0:
                raise Malformed("a block that cannot be read")
            block = block[taken:]
            if flags.value & self._EMIT:
                found.append((ctypes.string_at(field.name, field.name_size).decode("latin-1"),
                              ctypes.string_at(field.value, field.value_size).decode("latin-1")))
            if flags.value & self._FINAL:
                self._library.nghttp2_hd_inflate_end_headers(self._inflater)
                return found


class Reader:
    """What messages.Reader is for HTTP/1: feed it bytes; `messages` grows."""

    is_tunnel = False
    tunnel = b""

    def __init__(self, requests=False):
        self.broken = ""
        self._requests = requests
        self.farewells = []          # Codes of GOAWAY, each once.
        self._streams = {}           # id -> [Message]
        self._over = set()
        self._buffer = b""
        self._block = b""
        self._inflater = _Inflater()

    @property
    def messages(self):
        return [message for _, found in sorted(self._streams.items()) for message in found]

    def completed(self):
        """Streams that are over."""
        return len(self._over)

    def stream_of(self, message):
        """The number of its stream."""
        return next(stream for stream, found in self._streams.items() if message in found)

    def end(self):
        """The peer closed."""

    def feed(self, data):
        self._buffer += data
        while len(self._buffer) >= 9 and not self.broken:
            size = int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < 9 + size:
                return
            kind, flags = self._buffer[3:5]
            stream = int.from_bytes(self._buffer[5:9], "big")
            payload, self._buffer = self._buffer[9:9 + size], self._buffer[9 + size:]
            try:
                self._frame(kind, flags, stream, payload)
            except Malformed as error:
                self.broken = str(error)

    def _frame(self, kind, flags, stream, payload):
        found = self._streams.setdefault(stream, []) if stream else []
        if kind in (DATA, HEADERS) and flags & _PADDED:
            payload = payload[1:len(payload) - payload[0]]
        if kind in (HEADERS, CONTINUATION):
            self._block += payload
            if flags & _END_HEADERS:
                self._fields(stream, found)
        elif kind == DATA and found:
            found[-1].body += payload
        elif kind == RST_STREAM:
            code = int.from_bytes(payload, "big")
            if not found:
                found.append(messages.Message(f"stream {stream}"))
            if found[-1].end != "complete":
                found[-1].end = f"reset with {code}"
            self._over.add(stream)
        elif kind == GOAWAY:
            code = int.from_bytes(payload[4:8], "big")
            if code not in self.farewells:
                self.farewells.append(code)
        if kind in (DATA, HEADERS) and flags & _END_STREAM and found:
            found[-1].end = "complete"
            self._over.add(stream)

    def _fields(self, stream, found):
        fields, self._block = self._inflater.fields(self._block), b""
        if self._requests:
            self._request(stream, found, fields)
            return
        status = next((value for name, value in fields if name == ":status"), None)
        if status is None:
            if not found:
                raise Malformed("trailers without a message")
            found[-1].trailers += fields
            return
        message = messages.Message(f"stream {stream} {status}", status=int(status))
        message.headers = [(name, value) for name, value in fields if name != ":status"]
        if message.status < 200:
            message.end = "complete"
        found.append(message)

    @staticmethod
    def _request(stream, found, fields):
        if found:
            found[-1].trailers += fields
            return
        pseudo = dict(field for field in fields if field[0].startswith(":"))
        start = f"stream {stream} {pseudo.pop(':method', '-')} {pseudo.pop(':path', '-')}"
        message = messages.Message(start)
        message.headers = sorted(pseudo.items())
        message.headers += [field for field in fields if not field[0].startswith(":")]
        found.append(message)
