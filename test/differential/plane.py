"""A control plane that follows a script: ADS over gRPC, in both flavours, for one proxy at a time.

It keeps no rules of the protocol: what it sends, and when, is said by the case, so that it can be
wrong. Requests become lines:

    ask clusters                   the first request of a type
    ask endpoints a,b              names of it; delta: those that are added, -a for those that go
    ACK clusters
    NACK clusters 13 the message

Protobuf is read and written here, field by field; resources are text that protoc encodes.
"""

import os
import socket
import subprocess
import threading

import frames

_API = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "api")
_PREFIX = "type.googleapis.com/"
# What a script calls them.
TYPES = {
    "clusters": "envoy.config.cluster.v3.Cluster",
    "endpoints": "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "listeners": "envoy.config.listener.v3.Listener",
    "routes": "envoy.config.route.v3.RouteConfiguration",
}
# Of these, and of what stands in them.
_PROTOS = [
    "envoy/config/cluster/v3/cluster.proto", "envoy/config/endpoint/v3/endpoint.proto",
    "envoy/config/listener/v3/listener.proto", "envoy/config/route/v3/route.proto",
    "envoy/extensions/filters/http/router/v3/router.proto",
    "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
]
_WORDS = {_PREFIX + name: word for word, name in TYPES.items()}


def encode_resource(word, text):
    """The bytes of a message of that type, written as text."""
    done = subprocess.run(
        ["protoc", "-I", _API, "-I", "/usr/include", f"--encode={TYPES[word]}", *_PROTOS],
        input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"{word}: {text}: {done.stderr.decode()}")
    return done.stdout


def _varint(value):
    out = b""
    while value > 127:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def _field(number, value):
    """A field of bytes, text or a number; what is empty is left out."""
    if isinstance(value, int):
        return _varint(number * 8) + _varint(value) if value else b""
    value = value.encode() if isinstance(value, str) else value
    return _varint(number * 8 + 2) + _varint(len(value)) + value if value else b""


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _fields(data):
    """{number: [value]}: numbers, or bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = _read_varint(data, at)
        if key % 8 == 0:
            value, at = _read_varint(data, at)
        else:
            size, at = _read_varint(data, at)
            value, at = data[at:at + size], at + size
        found.setdefault(key // 8, []).append(value)
    return found


def _text(fields, number):
    return fields.get(number, [b""])[0].decode()


class Plane:
    """Listens from the beginning; its script's steps are calls from the suite's thread."""

    def __init__(self, delta):
        self.lines = []
        self.delta = delta
        self._resources = {word: {} for word in TYPES}   # name -> bytes of an Any
        self._extra = {word: [] for word in TYPES}       # once more, in the next response alone
        self._removed = {word: [] for word in TYPES}
        self._changed = {word: [] for word in TYPES}
        self._nonce = 0
        self._changes = threading.Condition()
        self._stream = None          # (socket, number)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    # --- the script ---

    def put(self, word, name, value, url=None, twice=False):
        any_of = _field(1, url or _PREFIX + TYPES[word]) + _field(2, value)
        if twice:
            self._extra[word].append((name, any_of))
            return
        self._resources[word][name] = any_of
        self._changed[word].append(name)

    def remove(self, word, name):
        self._resources[word].pop(name, None)
        self._removed[word].append(name)

    def answer(self, word):
        """Sends what there is, or has changed."""
        self._nonce += 1
        version, nonce, url = str(self._nonce), str(self._nonce), _PREFIX + TYPES[word]
        chosen = self._changed[word] if self.delta else list(self._resources[word])
        resources = [(name, self._resources[word][name]) for name in dict.fromkeys(chosen)]
        resources += self._extra[word]
        message = _field(1, version) + _field(4, url) + _field(5, nonce)
        for name, any_of in resources:
            message += _field(2, _field(3, name) + _field(1, version) + _field(2, any_of)
                              if self.delta else any_of)
        if self.delta:
            message += b"".join(_field(6, name) for name in self._removed[word])
        self._extra[word], self._removed[word], self._changed[word] = [], [], []
        self._send(message)

    def garbage(self):
        self._send(b"\x0a\xff\xff")

    def is_said(self, beginning, after, timeout):
        """Waits for a line; the number of lines behind it, or None."""
        with self._changes:
            def find():
                return next((at for at in range(after, len(self.lines))
                             if self.lines[at].startswith(beginning)), None)
            self._changes.wait_for(lambda: find() is not None, timeout)
            at = find()
            return None if at is None else at + 1

    def close(self):
        self._listener.close()
        if self._stream:
            self._stream[0].close()

    # --- the wire ---

    def _send(self, message):
        sock, stream = self._stream
        data = b"\0" + len(message).to_bytes(4, "big") + message
        for at in range(0, len(data), 16384):
            sock.sendall(frames.frame(frames.DATA, 0, stream, data[at:at + 16384]))

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._serve(sock)
            except OSError:
                pass                 # The proxy went.

    def _serve(self, sock):
        reader, taken, greeted = frames.Reader(requests=True), {}, False
        # Windows that a node with its extensions fits in.
        sock.sendall(frames.encode(f"SETTINGS 4={1 << 24}", str.encode))
        sock.sendall(frames.frame(frames.WINDOW_UPDATE, 0, 0, (1 << 24).to_bytes(4, "big")))
        head = frames.MAGIC
        while True:
            data = sock.recv(65536)
            if not data:
                return
            if head:
                skipped = min(len(head), len(data))
                head, data = head[skipped:], data[skipped:]
            reader.feed(data)
            if not greeted:          # Their settings are here.
                greeted = True
                sock.sendall(frames.frame(frames.SETTINGS, 1, 0, b""))
            for message in reader.messages:
                stream = reader.stream_of(message)
                if stream not in taken:
                    taken[stream] = 0
                    self._stream = sock, stream
                    sock.sendall(frames.encode(
                        f"HEADERS {stream} :status=200 content-type=application/grpc", str.encode))
                taken[stream] = self._requests(message.body, taken[stream])

    def _requests(self, body, at):
        while len(body) >= at + 5:
            size = int.from_bytes(body[at + 1:at + 5], "big")
            if len(body) < at + 5 + size:
                break
            self._note(_fields(body[at + 5:at + 5 + size]))
            at += 5 + size
        return at

    def _note(self, fields):
        """A DiscoveryRequest, or a DeltaDiscoveryRequest."""
        word = _WORDS.get(_text(fields, 2 if self.delta else 4), "?")
        nonce = _text(fields, 6 if self.delta else 5)
        error = fields.get(7 if self.delta else 6)
        names = sorted(value.decode() for value in fields.get(3, []))
        if self.delta:
            names += sorted("-" + value.decode() for value in fields.get(4, []))
        if error:
            status = _fields(error[0])
            line = f"NACK {word} {status.get(1, [0])[0]} {_text(status, 2)}"
        elif nonce and not (self.delta and names):
            line = f"ACK {word}"
        else:
            line = " ".join(["ask", word] + ([",".join(names)] if names else []))
        with self._changes:
            self.lines.append(line)
            self._changes.notify_all()
