"""Cases of discovery: each has a control plane of its own, and a process of each proxy.

What a proxy says to the control plane, what it serves and what it shows of its resources are lines
that are compared, in their order. cases/*.plane, described in README.md.
"""

import concurrent.futures
import dataclasses
import http.server
import json
import os
import re
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request

import casefile
import plane
import proxies

_PATIENCE = 5.0
_QUIET = 0.4                         # No more is said for so long: nothing comes.
_FOREIGN = "type.googleapis.com/google.protobuf.StringValue"
_ADS = "{ ads {} resource_api_version: V3 initial_fetch_timeout {} }"
_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3." \
       "HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_ADDRESS = 'address { socket_address { address: "127.0.0.1" port_value: %s } }'
# (type, word) -> the message's text after its name; %s: the word's argument.
_SHAPES = {
    ("clusters", "static"):
        'type: STATIC load_assignment { cluster_name: "x" endpoints { lb_endpoints { endpoint { '
        + _ADDRESS + " } } } }",
    ("clusters", "eds"): "type: EDS eds_cluster_config { eds_config " + _ADS + " }",
    ("clusters", "plain"): "",
    ("endpoints", "at"): "endpoints { lb_endpoints { endpoint { " + _ADDRESS + " } } }",
    ("endpoints", "plain"): "",
    ("listeners", "rds"):
        _ADDRESS % "${in}" + ' filter_chains { filters { name: "hcm" typed_config { [' + _HCM
        + '] { stat_prefix: "in" rds { route_config_name: "%s" config_source ' + _ADS
        + ' } http_filters { name: "router" typed_config { [' + _ROUTER + "] {} } } } } } }",
    ("listeners", "plain"): "",
    ("routes", "to"):
        'virtual_hosts { name: "v" domains: "*" routes { match { prefix: "/" } route { cluster: '
        '"%s" } } }',
    ("routes", "plain"): "",
}
_NAME_FIELDS = {"endpoints": "cluster_name"}


@dataclasses.dataclass
class Case(casefile.Case):
    """One case as written; `steps` are (word, the rest)."""
    delta: bool = False
    steps: list = dataclasses.field(default_factory=list)


_STEPS = ("put", "twice", "junk", "foreign", "remove", "answer", "garbage", "await", "quiet", "get",
          "dump")


def read(path):
    """The cases of a file, each once for each flavour."""
    cases = []
    with open(path, encoding="utf-8") as text:
        lines = list(enumerate(text.read().splitlines(), 1))
    both = []
    for number, line in lines:
        word, _, rest = line.partition(" ")
        if not line.strip() or line.startswith("#"):
            continue
        if word == "case":
            both = [Case(f"{rest} {flavour}", path, number, delta=flavour == "delta")
                    for flavour in ("sotw", "delta")]
            cases += both
            continue
        if not both:
            raise casefile.Malformed(f"{path}:{number}: `{word}` before the first case")
        chosen = both
        if word in ("sotw", "delta"):  # A line of one flavour.
            chosen = [case for case in both if case.delta == (word == "delta")]
            word, _, rest = rest.partition(" ")
        for case in chosen:
            _add(case, word, rest, f"{path}:{number}")
    return cases


def _add(case, word, rest, where):
    if word in _STEPS:
        case.steps.append((word, rest))
    elif word == "expect":
        case.expected.append(rest)
    elif word == "ignore":
        case.ignored.append(rest)
    elif word == "differs":
        case.differences.append((rest, []))
    elif word in ("-", "+") and case.differences:
        case.differences[-1][1].append(f"{word} {rest}")
    else:
        raise casefile.Malformed(f"{where}: unknown word {word}")


class _Upstream(http.server.ThreadingHTTPServer):
    """Says its name."""

    def __init__(self, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            """One connection."""

            def do_GET(self):
                self.send_response(200)
                self.send_header("content-length", str(len(name)))
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def _free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _bootstrap(port, delta):
    source = "{ ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s }"
    return f"""\
node: {{ id: differential, cluster: differential }}
admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
dynamic_resources:
  ads_config:
    api_type: {"DELTA_GRPC" if delta else "GRPC"}
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services: [{{ envoy_grpc: {{ cluster_name: plane }} }}]
  cds_config: {source}
  lds_config: {source}
static_resources:
  clusters:
  - name: plane
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{}} }}
    load_assignment:
      cluster_name: plane
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{
                     address: 127.0.0.1, port_value: {port} }} }} }} }}] }}]
"""


class _Run:
    """A case at one proxy."""

    def __init__(self, case, kind, binary, folder):
        self._case = case
        self._plane = plane.Plane(case.delta)
        self._upstreams = {name: _Upstream(name) for name in ("one", "two")}
        self._ports = {name: str(server.server_address[1])
                       for name, server in self._upstreams.items()}
        self._ports["in"] = str(_free_port())
        self._proxy = proxies.Proxy(kind, binary, folder)
        self._before = 0             # Lines before the last response.
        self._events = []            # (lines before it, line)

    def run(self):
        try:
            self._proxy.start(_bootstrap(self._plane.port, self._case.delta), live=False)
            for word, rest in self._case.steps:
                getattr(self, "_" + word)(*self._words(rest))
            if not self._proxy.is_alive():
                raise proxies.Failure("died:\n" + self._proxy.log_tail())
        except (proxies.Failure, OSError) as error:
            self._show(f"failed: {error}")
        finally:
            self._proxy.stop()
            self._plane.close()
            for server in self._upstreams.values():
                server.shutdown()
                server.server_close()
        return self._lines()

    def _lines(self):
        lines, events = [], list(self._events)
        for at, line in enumerate(self._plane.lines + [None]):
            while events and events[0][0] <= at:
                lines.append(events.pop(0)[1])
            if line is not None:
                lines.append(self._plain(line))
        # Lines are compared as a set. Whether an answer goes out before what the response makes the
        # proxy ask for, or behind it, means nothing.
        asked = [line[4:] for line in self._plane.lines if line.startswith("ask ")]
        lines.append("order: " + ", ".join(asked))
        for word in plane.TYPES:
            answers = [line.split(" ")[0] for line in self._plane.lines
                       if re.match(rf"N?ACK {word}\b", line)]
            lines.append(f"answers: {word}: " + " ".join(answers))
        return lines

    def _plain(self, text):
        """Without ports, and what protobuf's text format has of spaces and marks."""
        text = " ".join(re.sub(r"goo\.gle/debug\w+", "", text).split())
        for name, port in self._ports.items():
            text = re.sub(rf"\b{port}\b", f"${{{name}}}", text)
        return text

    @staticmethod
    def _words(rest):
        return rest.split(" ") if rest else []

    def _show(self, line):
        self._events.append((len(self._plane.lines), self._plain(line)))

    # --- steps ---

    def _message(self, word, name, words):
        """`static one`, with text of one's own behind a |."""
        at = words.index("|") if "|" in words else len(words)
        shape, more = words[:at], " ".join(words[at + 1:])
        text = f'{_NAME_FIELDS.get(word, "name")}: "{name}" ' + _SHAPES[word, shape[0]] + " " + more
        if len(shape) > 1:
            text = text % self._ports.get(shape[1], shape[1])
        text = re.sub(r"\$\{(\w+)\}", lambda found: self._ports[found[1]], text)
        return plane.encode_resource(word, text)

    def _put(self, word, name, *words):
        self._plane.put(word, name, self._message(word, name, list(words)))

    def _twice(self, word, name, *words):
        self._plane.put(word, name, self._message(word, name, list(words)), twice=True)

    def _junk(self, word, name):
        self._plane.put(word, name, b"\x0a\xff\xff")

    def _foreign(self, word, name):
        self._plane.put(word, name, b"\x0a\x01x", url=_FOREIGN)

    def _remove(self, word, name):
        self._plane.remove(word, name)

    def _answer(self, word):
        if self._plane.is_said(f"ask {word}", 0, _PATIENCE) is None:
            raise proxies.Failure(f"nobody asks for {word}")
        self._before = len(self._plane.lines)
        self._plane.answer(word)

    def _garbage(self):
        self._before = len(self._plane.lines)
        self._plane.garbage()

    def _await(self, *words):
        """A request that begins so, since the last response."""
        beginning = " ".join(words)
        if self._plane.is_said(beginning, self._before, _PATIENCE) is None:
            self._show(f"in vain: {beginning}")

    def _quiet(self):
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < _QUIET:
            if len(self._plane.lines) != seen:
                seen, since = len(self._plane.lines), time.monotonic()
            time.sleep(0.02)

    def _get(self, *wanted):
        """What the listener answers; with words, until it is that."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._ports['in']}/",
                                            timeout=5) as answer:
                    said = f"{answer.status} {answer.read().decode()}"
            except urllib.error.HTTPError as error:
                said = str(error.code)
            except OSError:
                said = "nobody listens"
            if not wanted or said == " ".join(wanted) or time.monotonic() > deadline:
                self._show(f"get {said}")
                return
            time.sleep(0.05)

    def _dump(self, word):
        for line in _DUMPS[word](json.loads(self._proxy.admin("/config_dump?include_eds"))):
            self._show(f"dump {word} {line}")


# --- /config_dump, a line a resource ---

def _section(dump, name):
    return next((part for part in dump["configs"] if part["@type"].endswith("." + name)), {})


def _status(state):
    """What is as it should be says nothing, in Envoy; so it does here."""
    status = state.get("client_status", "")
    return [] if status == "ACKED" else [status] if status else []


def _error(state):
    error = state.get("error_state", {})
    if not error:
        return []
    return [f"error version={error.get('version_info', '-')} {error.get('details', '')}"]


def _resource(state, inner):
    name = state.get(inner, {}).get("name") or state.get(inner, {}).get("cluster_name") or "-"
    return " ".join(
        [name] + [f"version={version}" for version in [state.get("version_info")] if version]
        + _status(state) + _error(state))


def _clusters(dump):
    section = _section(dump, "ClustersConfigDump")
    for kind in ("active", "warming"):
        for state in section.get(f"dynamic_{kind}_clusters", []):
            yield f"{kind} {_resource(state, 'cluster')}"


def _listeners(dump):
    for listener in _section(dump, "ListenersConfigDump").get("dynamic_listeners", []):
        kinds = [kind for kind in ("active", "warming", "draining") if f"{kind}_state" in listener]
        states = [f"{kind} version={listener[kind + '_state'].get('version_info', '-')}"
                  for kind in kinds]
        yield " ".join([listener.get("name", "-")] + _status(listener) + states + _error(listener))


def _routes(dump):
    for state in _section(dump, "RoutesConfigDump").get("dynamic_route_configs", []):
        yield _resource(state, "route_config")


def _endpoints(dump):
    for state in _section(dump, "EndpointsConfigDump").get("dynamic_endpoint_configs", []):
        yield _resource(state, "endpoint_config")


_DUMPS = {"clusters": _clusters, "listeners": _listeners, "routes": _routes,
          "endpoints": _endpoints}


def run(arguments, cases, outcomes, folder, jobs):
    """Fills {case id: Outcome}."""
    binaries = {"envoy": arguments.envoy}
    if arguments.remora:
        binaries["remora"] = arguments.remora

    def one(case, kind):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            return case, kind, _Run(case, kind, binaries[kind], own).run()

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in [pool.submit(one, case, kind) for case in cases for kind in binaries]:
            case, kind, lines = done.result()
            setattr(outcomes[case.id], kind, lines)
