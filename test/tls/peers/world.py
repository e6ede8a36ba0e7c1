"""What the tests against other TLS programs stand on: certificates, a proxy, an origin, commands."""

import http.server
import json
import os
import re
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TEST = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TEST, "hostile"), os.path.join(TEST, "differential")]

import secure   # pylint: disable=wrong-import-position
import subject  # pylint: disable=wrong-import-position

Failure = subject.Failure

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
_FILTERS = "type.googleapis.com/envoy.extensions.filters."
SECONDS = 20


def expect(condition, text):
    if not condition:
        raise Failure(text)


class Answers(http.server.BaseHTTPRequestHandler):
    """The origin of HTTP: says what certificate the proxy told it of."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = ("client " + (self.headers.get("x-forwarded-client-cert") or "none") + "\n").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Echo(socketserver.BaseRequestHandler):
    """The origin of TCP: answers when the client has ended its direction."""

    def handle(self):
        said = b""
        while piece := self.request.recv(4096):
            said += piece
        self.request.sendall(b"heard " + said)


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512


def serve(handler):
    """Starts a server on a free port and returns the port."""
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class World:
    """Certificates of one run, and the makers of configurations."""

    def __init__(self, binary, folder):
        self.binary = binary
        self.folder = folder
        self.certs = os.path.join(folder, "certs")
        secure.make_certificates(self.certs)
        self._runs = 0
        self.http_port = serve(Answers)
        self.tcp_port = serve(Echo)

    def cert(self, name):
        return os.path.join(self.certs, name + ".pem")

    def key(self, name):
        return os.path.join(self.certs, name + ".key")

    def pair(self, name):
        """A TlsCertificate."""
        return {"certificate_chain": {"filename": self.cert(name)},
                "private_key": {"filename": self.key(name)}}

    def downstream(self, demand=False, certs=("server",), **common):
        """A transport socket of a listener."""
        context = {"@type": _TLS + "DownstreamTlsContext",
                   "require_client_certificate": demand,
                   "common_tls_context": {
                       "tls_certificates": [self.pair(name) for name in certs], **common}}
        if demand:
            context["common_tls_context"]["validation_context"] = self.trust()
        return {"name": "tls", "typed_config": context}

    def upstream(self, sni="", certs=(), **common):
        """A transport socket of a cluster, of both versions (the default is 1.2 alone)."""
        common.setdefault("tls_params", {"tls_maximum_protocol_version": "TLSv1_3"})
        return {"name": "tls", "typed_config": {
            "@type": _TLS + "UpstreamTlsContext", "sni": sni,
            "common_tls_context": {"tls_certificates": [self.pair(name) for name in certs],
                                   "validation_context": self.trust(), **common}}}

    def trust(self):
        return {"trusted_ca": {"filename": self.cert("ca")}}

    def proxy(self, transport=None, port=None, cluster=None, kind="http", log=None, chain=None):
        """A proxy, to be used by `with`: one listener, one cluster."""
        self._runs += 1
        listener = {"name": "main", "stat_prefix": "main",
                    "address": address(0),
                    "filter_chains": [{"filters": [_http(log) if kind == "http" else _tcp()],
                                       **(chain or {})}]}
        if transport:
            listener["filter_chains"][0]["transport_socket"] = transport
        default = self.http_port if kind == "http" else self.tcp_port
        origin = {"name": "origin", "connect_timeout": "5s",
                  "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": [
                      {"endpoint": {"address": address(port or default)}}]}]}}
        origin.update(cluster or {})
        config = {"node": {"id": "test", "cluster": "test"},
                  "admin": {"address": address(0)},
                  "static_resources": {"listeners": [listener], "clusters": [origin]}}
        folder = os.path.join(self.folder, f"run{self._runs}")
        return subject.Subject(self.binary, folder, json.dumps(config))

    def context(self, certificate=None, **limits):
        """Of a Python client that trusts our authority."""
        context = ssl.create_default_context(cafile=self.cert("ca"))
        if certificate:
            context.load_cert_chain(self.cert(certificate), self.key(certificate))
        for name, value in limits.items():
            setattr(context, name, value)
        return context

    def connect(self, proxy, context=None, session=None, name="server.test"):
        """A TLS connection of a Python client."""
        raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=SECONDS)
        return (context or self.context()).wrap_socket(raw, server_hostname=name, session=session)

    def serves(self, proxy, **options):
        """Another client is served as ever."""
        with self.connect(proxy, **options) as client:
            expect(get(client).startswith("client "), "another client is not served")


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _http(log):
    manager = {
        "@type": _FILTERS + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "main", "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"uri": True},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "origin"}}]}]},
        "http_filters": [{"name": "router", "typed_config": {
            "@type": _FILTERS + "http.router.v3.Router"}}]}
    if log:
        manager["access_log"] = [{"name": "file", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": log[0], "log_format": {"text_format_source": {"inline_string": log[1] + "\n"}}}}]
    return {"name": "http", "typed_config": manager}


def _tcp():
    return {"name": "tcp", "typed_config": {
        "@type": _FILTERS + "network.tcp_proxy.v3.TcpProxy", "stat_prefix": "main",
        "cluster": "origin"}}


def get(client, path="/"):
    """Asks on an open connection and returns the body."""
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    said = b""
    while b"\r\n\r\n" not in said:
        piece = client.recv(65536)
        expect(piece, f"the connection ended within the answer: {said!r}")
        said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    expect(head.startswith(b"HTTP/1.1 200"), f"not 200: {head!r}")
    length = int(re.search(rb"content-length: (\d+)", head)[1])
    while len(body) < length:
        body += client.recv(65536)
    return body.decode()


def run(arguments, said="", seconds=SECONDS):
    """Runs a command and returns (exit status, all that it printed)."""
    done = subprocess.run(arguments, input=said.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def until(condition, what, seconds=SECONDS):
    """Waits for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < deadline, f"not within {seconds} s: {what}")
        time.sleep(0.01)
