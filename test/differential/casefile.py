"""Reads the case files of the differential suite; README.md describes them.

A case is configuration (pieces of YAML), what clients do, what upstreams answer, and what may
differ. All of it is text; nothing here knows HTTP or YAML.
"""

import base64
import dataclasses
import os
import re

import secure

CONFIG_SECTIONS = ("tcp", "chains", "hcm", "routes", "vhost", "virtual_hosts", "route_config",
                   "scoped_routes", "filters", "listener", "access_log", "downstream_tls")
NAME = re.compile(r"\$\{(?!log\b|certs\b|hash_)(\w+)\}")
_ESCAPE = re.compile(r"\\(?:\{(?P<text>(?:[^}\\]|\\.)*?)\*(?P<times>\d+)\}|x(?P<hex>[0-9a-fA-F]{2})"
                     r"|(?P<one>[rnt0s\\|]))")
_ONE = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "s": b" ", "\\": b"\\", "|": b"|"}


# The port of an upstream, in bytes that are sent and, as text, in the configuration.
PORT = re.compile(rb"@\{(\w+)\}")
# What is sent in base64, once ports are known.
_BASE64 = re.compile(rb"@\{base64 ([^{}]*)\}")
_HTTP_OPTIONS = '''typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    '''

# A note that is for some of the variants: `differs #1,4 row`.
_ONLY = re.compile(r"(\w+ )#([\d,]+) ")


class Malformed(Exception):
    """A case file that cannot be read; the text names file and line."""


def _plain(name):
    """A name as it can stand anywhere: `grpc_json.txt` becomes `grpc-json`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace(".txt", "")).strip("-")


@dataclasses.dataclass
class Step:
    """One thing that a peer does: `what` is send, wait, close, ...; `value` its argument."""
    what: str
    value: object = None


def with_ports(steps, ports):
    """The steps with the upstreams' ports in what is sent: `@{up}`, `@{base64 127.0.0.1:@{up}}`."""
    def ready(text):
        text = PORT.sub(lambda found: b"%d" % ports[found[1].decode()], text)
        return _BASE64.sub(lambda found: base64.b64encode(found[1]), text)
    return [Step(step.what, ready(step.value)) if step.what == "send" else step for step in steps]


@dataclasses.dataclass
class Client:
    """One connection's steps; a client may appear in several sections."""
    label: str
    source: str = ""
    http2: bool = False              # Its text is frames, one a line: frames.py.
    steps: list = dataclasses.field(default_factory=list)
    wishes: secure.Wishes = None     # It speaks TLS.


@dataclasses.dataclass
class Answer:
    """What an upstream does with one request. `when`: complete, early (at its head) or accept."""
    when: str = "complete"
    http2: bool = False              # Its text is frames; $ is the request's stream.
    steps: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Case:
    """One case as written."""
    name: str
    file: str
    line: int
    pending: str = ""
    patience: float = 2.0
    config: dict = dataclasses.field(default_factory=dict)
    clusters: dict = dataclasses.field(default_factory=dict)     # name -> YAML
    endpoints: dict = dataclasses.field(default_factory=dict)    # name -> upstreams of the cluster
    refused: set = dataclasses.field(default_factory=set)
    secured: dict = dataclasses.field(default_factory=dict)      # upstream -> secure.Wishes
    clients: list = dataclasses.field(default_factory=list)
    answers: dict = dataclasses.field(default_factory=dict)      # upstream -> [Answer]
    ignored: list = dataclasses.field(default_factory=list)
    expected: list = dataclasses.field(default_factory=list)     # Of Envoy.
    required: list = dataclasses.field(default_factory=list)     # Of Remora.
    forbidden: list = dataclasses.field(default_factory=list)    # Of Remora.
    differences: list = dataclasses.field(default_factory=list)  # (row, [pattern])

    @property
    def id(self):
        """The case's name inside the configuration."""
        return _plain(os.path.basename(self.file) + "-" + self.name)

    def is_called(self, part):
        """Whether `part` is one of its name or of its file's."""
        return _plain(part) in self.id

    @property
    def raw(self):
        """A case without HTTP: peers exchange bytes, not messages."""
        return "tcp" in self.config or "chains" in self.config

    @property
    def needs_certificates(self):
        texts = list(self.config.values()) + list(self.clusters.values())
        return bool(self.secured) or "downstream_tls" in self.config or any(
            "${certs}" in text for text in texts)

    def cluster_names(self):
        """Every cluster that the configuration or a script names."""
        texts = list(self.config.values()) + list(self.clusters.values())
        named = {name for text in texts for name in NAME.findall(text)} or {"up"}
        members = {member for of in self.endpoints.values() for member in of}
        named |= set(self.clusters) | set(self.endpoints) | set(self.secured)
        return sorted(named | ((set(self.answers) | self.refused) - members))

    def upstreams_of(self, cluster):
        return self.endpoints.get(cluster, [cluster])

    def upstream_names(self):
        return sorted({up for name in self.cluster_names() for up in self.upstreams_of(name)})


@dataclasses.dataclass
class Group:
    """The cases of one file: one bootstrap, one process of each proxy."""
    file: str
    bootstrap: str = ""
    cases: list = dataclasses.field(default_factory=list)


def unescape(text):
    """Bytes of a line: backslash escapes, and \\{text*N} for N times text."""
    out, at = b"", 0
    for found in _ESCAPE.finditer(text):
        out += text[at:found.start()].encode("utf-8")
        if found["times"]:
            out += unescape(found["text"]) * int(found["times"])
        elif found["hex"]:
            out += bytes([int(found["hex"], 16)])
        else:
            out += _ONE[found["one"]]
        at = found.end()
    return out + text[at:].encode("utf-8")


def _wire(line):
    """A line of a peer's bytes: CRLF behind it unless it ends with a single backslash."""
    if line.endswith("\\") and not line.endswith("\\\\"):
        return unescape(line[:-1])
    return unescape(line) + b"\r\n"


def _with_variants(numbered):
    """Writes each case with a `variants` section once for each of its values, in place of %{v}."""
    starts = [at for at, (_, line) in enumerate(numbered) if line.startswith("case ")]
    yield from numbered[:starts[0] if starts else None]
    for begin, end in zip(starts, starts[1:] + [len(numbered)]):
        block = numbered[begin:end]
        at = next((i for i, (_, line) in enumerate(block) if line == "variants"), None)
        if at is None:
            yield from block
            continue
        behind = at + 1
        while behind < len(block) and block[behind][1].startswith("|"):
            behind += 1
        rest = block[1:at] + block[behind:]
        for index, (number, value) in enumerate(block[at + 1:behind], 1):
            yield number, f"{block[0][1]} {index}"
            dropped = False          # A `differs` goes with its lines.
            for line_number, line in rest:
                chosen = _ONLY.match(line)
                if dropped and line[:2] in ("- ", "+ "):
                    continue
                dropped = bool(chosen) and str(index) not in chosen[2].split(",")
                if dropped:
                    continue
                if chosen:
                    line = chosen[1] + line[chosen.end():]
                yield line_number, line.replace("%{v}", value[2:])


class _Reader:
    def __init__(self, path):
        self._path = path
        self._group = Group(path)
        self._case = None
        self._section = None     # Called with the text behind "| ".
        self._steps = None       # Steps that "wait", "close", ... go to.
        self._pattern = None     # Called with a "- ..." or "+ ..." line.
        self._number = 0

    def read(self):
        with open(self._path, encoding="utf-8") as text:
            numbered = list(enumerate(text.read().splitlines(), 1))
        for self._number, line in _with_variants(numbered):
            self._line(line)
        names = [case.id for case in self._group.cases]
        for name in names:
            if names.count(name) > 1:
                raise Malformed(f"{self._path}: two cases are called {name}")
        return self._group

    def _fail(self, why):
        raise Malformed(f"{self._path}:{self._number}: {why}")

    def _line(self, line):
        if not line.strip() or line.startswith("#"):
            return
        if line.startswith("|"):
            if not self._section:
                self._fail("text outside a section")
            self._section(line[2:] if line.startswith("| ") else line[1:])
            return
        if line[:2] in ("- ", "+ "):
            if self._pattern is None:
                self._fail("a difference without `differs`")
            self._pattern.append(line)
            return
        word, _, rest = line.partition(" ")
        self._keyword(word, rest.strip())

    def _keyword(self, word, rest):
        if word == "case":
            self._case = Case(rest, self._path, self._number)
            self._group.cases.append(self._case)
            self._section = self._steps = self._pattern = None
        elif word == "bootstrap" and not self._case:
            self._section = self._append_bootstrap
        elif not self._case:
            self._fail(f"`{word}` before the first case")
        elif word in CONFIG_SECTIONS or word == "cluster":
            self._config(word, rest)
        elif word == "client":
            self._client(rest.split())
        elif word == "upstream":
            self._upstream(rest.split())
        elif not self._note(word, rest):
            self._step(word, rest)

    def _append_bootstrap(self, text):
        self._group.bootstrap += text + "\n"

    def _config(self, word, rest):
        self._steps = None
        if word == "cluster":
            name, *members = rest.split()
            store, key = self._case.clusters, name
            if members:
                self._case.endpoints[name] = members
        else:
            store, key = self._case.config, word
        store.setdefault(key, "")

        def append(text):
            store[key] += text + "\n"
        self._section = append

    def _client(self, words):
        source, wishes = "", None
        if "tls" in words:
            at = words.index("tls")
            wishes = self._wishes(words[at + 1:])
            del words[at:]
        if "from" in words:
            at = words.index("from")
            source = words[at + 1]
            del words[at:at + 2]
        http2 = "http2" in words
        if http2:
            words.remove("http2")
        label = words[0] if words else str(len(self._case.clients) + 1)
        client = Client(label, source, http2, wishes=wishes)
        self._case.clients.append(client)
        self._to_steps(client.steps)
        if http2:
            self._section = lambda text: client.steps.append(Step("frame", text))

    def _wishes(self, words):
        try:
            return secure.Wishes(words)
        except ValueError as error:
            return self._fail(f"tls: {error}")

    def _upstream(self, words):
        if not words:
            self._fail("upstream needs a name")
        answer = Answer()
        for word in words[1:]:
            if word == "http2":
                answer.http2 = True
            elif word in ("early", "accept"):
                answer.when = word
            else:
                self._fail(f"unknown word {word}")
        self._case.answers.setdefault(words[0], []).append(answer)
        self._to_steps(answer.steps)
        if answer.http2:
            self._section = lambda text: answer.steps.append(Step("frame", text))

    def _to_steps(self, steps):
        self._steps = steps

        def send(text):
            if not steps or steps[-1].what != "send":
                steps.append(Step("send", b""))
            steps[-1].value += _wire(text)
        self._section = send

    def _note(self, word, rest):
        case = self._case
        if word == "pending":
            case.pending = rest
        elif word == "patience":
            case.patience = float(rest)
        elif word == "protocol":
            name, _, options = rest.partition(" ")
            case.clusters[name] = case.clusters.get(name, "") + _HTTP_OPTIONS + options + "\n"
        elif word == "secure":
            name, *words = rest.split()
            case.secured[name] = self._wishes(words)
        elif word == "refuse":
            case.refused.update(rest.split())
        elif word == "ignore":
            case.ignored.append(rest)
        elif word == "expect":
            case.expected.append(rest)
        elif word == "remora":
            if rest.startswith("! "):
                case.forbidden.append(rest[2:])
            else:
                case.required.append(rest)
        elif word == "differs":
            self._pattern = []
            case.differences.append((rest, self._pattern))
        else:
            return False
        return True

    def _step(self, word, rest):
        if self._steps is None:
            self._fail(f"unknown word {word}")
        if word == "wait":
            self._steps.append(Step("wait", float(rest)))
        elif word == "receive":
            if rest and not rest.startswith('"'):
                self._fail('receive, or receive "text"')
            self._steps.append(Step("receive", unescape(rest.strip('"')) if rest else None))
        elif word in ("close", "reset", "half-close", "hang", "echo", "silent"):
            self._steps.append(Step(word))
        else:
            self._fail(f"unknown word {word}")


def read(path):
    """The group of one file."""
    return _Reader(path).read()
