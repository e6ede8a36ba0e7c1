"""What one proxy did in a case, as lines of text, and what differs between two of them.

    client 1 #1 HTTP/1.1 200 OK          the first message that client 1 got
    client 1 #1 content-length: 2        its fields, each name once
    client 1 #1 body "hi"
    client 1 ends open                   or closed (by the proxy), or we closed
    up 1 #1 GET / HTTP/1.1               connection 1 to upstream up, the first request of all
    log 1 flags=-                        the access log's first line, one value a line
    stat http.downstream_rq_2xx 1

What may be different each time (dates, identifiers, ports, times) is replaced by a word.
"""

import base64
import binascii
import collections
import hashlib
import json
import os
import re

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]([0-9a-f]{3})-[0-9a-f]{4}-[0-9a-f]{12}\b")
_DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
# Values that are a time taken.
_TIMES = {"x-envoy-upstream-service-time"}
_LONG = 400
_BASE64 = re.compile(r"[A-Za-z0-9+/]{12,}={0,2}")
# Of the cookie of stateful_session: when it expires.
_EXPIRES = re.compile(r"\x10[\x80-\xff]{4}.$", re.DOTALL)

# Counters that differ by design or by the moment, for every case. Names are patterns, without the
# prefix of the case.
IGNORED_COUNTERS = [
    # Bytes on the wire: a service time has one or two digits.
    "*_bytes_total", "*_bytes_buffered",
    # When a buffer is full depends on how fast its reader is; frames that wait are counted when the
    # connection is looked at.
    "*flow_control*", "*.outbound_frames_active", "*.outbound_control_frames_active",
]


# Not there, or different on purpose: docs/differences.md, "Statistics".
IGNORED_COUNTERS += [
    "*.nghttp2_upstream_connections", "cluster.*.canary.*", "*.ssl.certificate.*",
    "http.rq_reset_after_downstream_response_started",
    # Who looks first: the client for the end, or the proxy at the clock.
    "http.downstream_cx_delayed_close_timeout",
]
# The same where the response announced the connection's end: who closed first.
ANNOUNCED_COUNTERS = ["http.downstream_cx_destroy_*", "http.downstream_cx_delayed_close_timeout"]


def is_ignored(counter, announced):
    """Whether a counter is not compared."""
    patterns = IGNORED_COUNTERS + (ANNOUNCED_COUNTERS if announced else [])
    return any(matches(pattern, counter) for pattern in patterns)


class Run:
    """The peers of one case at one proxy."""

    def __init__(self, case, clients, upstreams, listener_port):
        self.case = case
        self.clients = clients
        self.upstreams = upstreams
        self._ports = [(str(up.port), "${%s}" % up.name) for up in upstreams]
        self._ports.append((str(listener_port), "${listener}"))

    def _normal(self, text):
        text = _UUID.sub(lambda found: f"<uuid {text[found.start() + 14]}>", text)
        text = _DATE.sub("<date>", text)
        for port, name in self._ports:
            text = re.sub(rf"(?<=[: ]){port}\b", name, text)
        text = re.sub(r"\b(127\.0\.0\.\d+:)(3[2-9]|[45]\d|60)\d{3}\b", r"\1<port>", text)
        text = _BASE64.sub(self._decoded, text)
        return re.sub(rf"\b{re.escape(self.case.id)}_(\w+)", r"${\1}", text).replace(
            self.case.id, "<case>")

    def _decoded(self, found):
        """Base64 with an upstream's address in it (a session's state), in words."""
        try:
            text = base64.b64decode(found[0], validate=True).decode("latin-1")
        except binascii.Error:
            return found[0]
        for port, name in self._ports:
            if f"127.0.0.1:{port}" in text:
                text = _EXPIRES.sub("<expires>", text).replace(f":{port}", f":{name}")
                return f"<base64 of {ascii(text)}>"
        return found[0]

    def _value(self, name, value):
        if name.lower() in _TIMES and re.fullmatch(r"\d+", value):
            return "<ms>"
        # What is left of a timeout; a whole one is exact.
        if name.lower() == "x-envoy-expected-rq-timeout-ms" and value.isdigit():
            left = int(value)
            if left % (1000 if left > 1000 else 100) or 14000 <= left < 15000:
                return "<ms>"
        return self._normal(value)

    def _body(self, body):
        if len(body) > _LONG:
            return f"body of {len(body)} bytes, {hashlib.sha256(body).hexdigest()[:12]}"
        return "body " + json.dumps(self._normal(body.decode("latin-1")))

    def _message(self, message):
        yield self._normal(message.start)
        fields = collections.defaultdict(list)
        for name, value in message.headers:
            fields[name].append(self._value(name, value))
        for name, values in fields.items():
            yield f"{name}: {' | '.join(values)}"
        if message.body:
            yield self._body(message.body)
        for name, value in message.trailers:
            yield f"trailer {name}: {value}"
        if message.end != "complete":
            yield f"is {message.end}"

    def _reader(self, prefix, reader):
        if reader.broken:
            yield f"{prefix} broken: {self._normal(reader.broken)}"
        if reader.is_tunnel:
            yield f"{prefix} tunnel {json.dumps(reader.tunnel.decode('latin-1'))}"

    @staticmethod
    def _secure(prefix, channel):
        return [f"{prefix} tls {note}" for note in channel.notes] if channel else []

    @staticmethod
    def _client_end(client):
        """Who closes first after `connection: close` is up to the proxy's delayed close."""
        finals = [message for message in client.reader.messages if message.status >= 200]
        if finals and "close" in finals[-1].values("connection"):
            return "as announced"
        return client.connection.fate

    def observe(self):
        """Takes down what the peers know now."""
        lines = []
        for client in self.clients:
            prefix = f"client {client.label}"
            if client.connection.fate != "open":
                client.reader.end()
            lines += self._secure(prefix, client.connection.channel)
            for number, message in enumerate(client.reader.messages, 1):
                lines += [f"{prefix} #{number} {line}" for line in self._message(message)]
            lines += self._reader(prefix, client.reader)
            lines += [f"{prefix} farewell {code}" for code in getattr(client.reader, "farewells", ())]
            lines.append(f"{prefix} ends {self._client_end(client)}")
        for upstream in self.upstreams:
            for number, connection in enumerate(upstream.connections, 1):
                prefix = f"{upstream.name} {number}"
                lines += self._secure(prefix, connection.connection.channel)
                for order, message in connection.requests:
                    lines += [f"{prefix} #{order} {line}" for line in self._message(message)]
                lines += self._reader(prefix, connection.reader)
                lines.append(f"{prefix} ends {connection.connection.fate}")
        return lines

    def log(self, path):
        """The lines of the access log, once the proxy has ended."""
        if not os.path.exists(path):
            return []
        lines = []
        with open(path, encoding="utf-8", errors="replace") as log:
            for number, line in enumerate(log, 1):
                lines += [f"log {number} {self._normal(value)}" for value in _log_values(line)]
        return lines


def _log_values(line):
    line = line.rstrip("\n")
    if line.startswith("{"):
        try:
            return [f"{name}={json.dumps(value)}" for name, value in json.loads(line).items()]
        except ValueError:
            pass
    return line.split("\t")


def counters(case, values):
    """The counters of a case out of all of a proxy's: {name: value}, names without the case's id."""
    mine = {}
    for name, value in values.items():
        kind, _, rest = name.partition(".")
        if rest.startswith(case.id + "."):
            mine[f"{kind}{rest[len(case.id):]}".replace(case.id, "<case>")] = value
        elif kind == "cluster" and rest.startswith(case.id + "_"):
            mine[f"{kind}.{rest[len(case.id) + 1:]}"] = value
    return mine


def matches(pattern, line):
    """`*` stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), line, re.DOTALL) is not None


def difference(case, envoy, remora):
    """Lines that one of the two alone has: "- ..." Envoy, "+ ..." Remora."""
    ours, theirs = collections.Counter(remora), collections.Counter(envoy)
    lines = ["- " + line for line in (theirs - ours).elements()]
    lines += ["+ " + line for line in (ours - theirs).elements()]
    return [line for line in lines
            if not any(matches(pattern, line[2:]) for pattern in case.ignored)]


def unexplained(case, lines):
    """(differences without a reason, reasons without a difference)."""
    patterns = [pattern for _, patterns in case.differences for pattern in patterns or ["*"]]
    return ([line for line in lines if not any(matches(pattern, line) for pattern in patterns)],
            [pattern for pattern in patterns if not any(matches(pattern, line) for line in lines)])
