"""The proxies of the benchmark: where they are found, how each one is configured and started."""

import os
import re
import shutil
import subprocess
import textwrap

import extras
import process

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIGS = os.path.join(HERE, "configs")
TOOLS = ("origin", "load", "raw_forwarder", "tls_load")
# Debian's BoringSSL, for tls_load.
BORINGSSL = "/usr/lib/x86_64-linux-gnu/android"
FLAGS = {"tls_load": ["-isystem", "/usr/include/android", "-L" + BORINGSSL, "-l:libssl.so.0",
                      "-l:libcrypto.so.0", "-Wl,-rpath," + BORINGSSL, "-pthread"]}
# Who can speak TLS; the raw forwarder cannot.
TLS_MODES = ("tls-p256", "tls-rsa", "mtls")
PEERS = ("raw", "haproxy", "nginx", "envoy")
# A unary call: a message of 100 bytes behind its prefix (not compressed, length) each way.
GRPC_METHOD = "bench.Echo/Unary"
GRPC_MESSAGE = b"\0" + (100).to_bytes(4, "big") + b"x" * 100


def build_tools(folder, prebuilt):
    """Returns {name: path} of the benchmark's own programs, compiled into `folder` if need be."""
    if prebuilt:
        return {name: os.path.abspath(os.path.join(prebuilt, name)) for name in TOOLS}
    compiler = shutil.which("g++")
    if not compiler:
        raise process.Failure("g++ is needed to build the tools (or give --tools FOLDER)")
    paths = {}
    for name in TOOLS:
        paths[name] = os.path.join(folder, name)
        subprocess.run([compiler, "-std=c++20", "-O2", "-o", paths[name],
                        os.path.join(HERE, name + ".cc"), *FLAGS.get(name, [])], check=True)
    return paths


def find(remora, envoy, peers, tools, say):
    """Returns {subject name: binary}; says which peers are not here."""
    found = {"remora": os.path.abspath(remora)}
    if not os.access(found["remora"], os.X_OK):
        raise process.Failure(f"--remora: {remora} is not an executable file")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for name in peers:
        if name not in PEERS:
            raise process.Failure(f"--peers: {name} is none of {', '.join(PEERS)}")
        if name == "raw":
            found[name] = tools["raw_forwarder"]
        elif name == "envoy" and envoy:
            found[name] = os.path.abspath(envoy)
        else:
            found[name] = shutil.which(name, path=path)
        if not found[name] or not os.access(found[name], os.X_OK):
            del found[name]
            say(f"skipped: {name} is not installed")
    return found


def nginx_stream_module():
    """The line that loads it; None when nginx does not have it."""
    for folder in ("/usr/lib/nginx/modules", "/usr/share/nginx/modules"):
        path = os.path.join(folder, "ngx_stream_module.so")
        if os.path.exists(path):
            return f"load_module {path};"
    return None


def version(name, binary):
    """One line that says what was measured."""
    if name == "raw":
        return "raw epoll forwarder of this tree"
    flag = {"nginx": "-v", "haproxy": "-v"}.get(name, "--version")
    done = subprocess.run([binary, flag], capture_output=True, text=True, timeout=30, check=False)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    text = lines[0] if lines else "unknown version"
    if name == "envoy":
        release = re.search(r"/(\d+\.\d+\.\d+)/", text)
        return f"Envoy {release.group(1)}" if release else text
    return re.sub(r"^/\S*/", "", text)  # A program may print the path it was started by.


def route_prefix(index):
    return f"/route-{index:05d}/"


def _routes(count):
    """The route list of proxy.yaml: one catch-all, or `count` prefixes and nothing else."""
    prefixes = ["/"] if count == 1 else [route_prefix(i) for i in range(count)]
    indent = " " * 14
    return "\n".join(
        f'{indent}- {{ match: {{ prefix: "{prefix}" }}, route: {{ cluster: origin }} }}'
        for prefix in prefixes)


def make_certificates(folder):
    """Writes p256, rsa and client (.pem, .key), issued by ca.pem, once a run; returns the folder."""
    folder = os.path.join(folder, "certs")
    if os.path.exists(folder):
        return folder
    os.makedirs(folder)

    def openssl(*arguments):
        subprocess.run(("openssl",) + arguments, check=True, capture_output=True, cwd=folder)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca",
            "-days", "30")
    for name, kind in (("p256", curve), ("rsa", ["-newkey", "rsa:2048", "-nodes"]),
                       ("client", curve)):
        openssl("req", *kind, "-keyout", name + ".key", "-out", name + ".csr", "-subj",
                f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}.example.com")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-days", "30", "-copy_extensions", "copy", "-out", name + ".pem")
        # HAProxy wants both in one file.
        with open(os.path.join(folder, name + ".both"), "w", encoding="ascii") as both:
            for part in (".pem", ".key"):
                with open(os.path.join(folder, name + part), encoding="ascii") as text:
                    both.write(text.read())
    return folder


def _tls_values(name, mode, certs):
    """What a mode of TLS puts into the places of the templates."""
    if mode not in TLS_MODES:
        return {"TLS": "", "TLS_DIRECTIVES": ""}
    own = os.path.join(certs, "rsa" if mode == "tls-rsa" else "p256")
    trusted = os.path.join(certs, "ca.pem")
    demand = mode == "mtls"
    if name == "nginx":
        directives = [f"ssl_certificate {own}.pem;", f"ssl_certificate_key {own}.key;",
                      "ssl_protocols TLSv1.2 TLSv1.3;", "ssl_session_cache none;",
                      "ssl_session_tickets on;", "ssl_buffer_size 16k;"]
        if demand:
            directives += [f"ssl_client_certificate {trusted};", "ssl_verify_client on;"]
        return {"TLS": " ssl", "TLS_DIRECTIVES": "\n    ".join(directives)}
    if name == "haproxy":
        return {"TLS": f" ssl crt {own}.both ssl-min-ver TLSv1.2"
                       + (f" ca-file {trusted} verify required" if demand else "")}
    return {"TLS": f"""\
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: {str(demand).lower()}
          common_tls_context:
            tls_params: {{ tls_maximum_protocol_version: TLSv1_3 }}
            tls_certificates:
            - certificate_chain: {{ filename: {own}.pem }}
              private_key: {{ filename: {own}.key }}
""" + (f"            validation_context: {{ trusted_ca: {{ filename: {trusted} }} }}\n"
       if demand else "")}


def render(template, values):
    """Fills the @NAME@ places of a file in configs/."""
    with open(os.path.join(CONFIGS, template), encoding="utf-8") as source:
        text = source.read()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


_TLS = """\
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2]
            tls_certificates:
            - certificate_chain: {{ filename: "{certificate}" }}
              private_key: {{ filename: "{certificate}" }}
"""
_UPSTREAM2 = """\
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
"""


def make_certificate(path):
    """A self-signed P-256 certificate and its key, in one file."""
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=bench", "-days", "30", "-keyout", "-", "-out", "-"],
        capture_output=True, text=True, check=True)
    with open(path, "w", encoding="ascii") as out:
        out.write(done.stdout)


class Http2Origin:
    """nginx as an origin of HTTP/2 without TLS, on the load's core."""

    def __init__(self, binary, folder):
        self.port = process.free_ports(1)[0]
        home = os.path.join(folder, "http2-origin")
        os.makedirs(home)
        config = os.path.join(home, "nginx.conf")
        with open(config, "w", encoding="utf-8") as out:
            out.write(render("nginx-origin.conf", {"LISTEN_PORT": self.port, "BODY": "x" * 100,
                                                   "HOME": home, "GRPC_METHOD": GRPC_METHOD}))
        answer = os.path.join(home, GRPC_METHOD)
        os.makedirs(os.path.dirname(answer))
        with open(answer, "wb") as out:
            out.write(GRPC_MESSAGE)
        self.process = process.Process([binary, "-e", "stderr", "-p", home, "-c", config],
                                       process.cores()[0], os.path.join(home, "log"), cwd=home)
        process.wait_for_http2(self.process, f"http://127.0.0.1:{self.port}/b0", process.cores()[0])


class Subject:
    """One proxy with one configuration, on one port."""

    def __init__(self, name, binary, folder, origin_port, nofile, routes=1, extra="plain",
                 mode="http"):
        self.name = name
        self._mode = mode
        self.tls = mode in TLS_MODES
        # Of clients, where they must have one.
        self.client_certificate = (os.path.join(folder, "certs", "client") if mode == "mtls"
                                   else None)
        self.routes = routes
        self.extra = extra
        self.port, admin_port = process.free_ports(2)
        self.http2_port = self.port
        self._folder = os.path.join(folder, f"{name}-{mode}-{routes}-{self.port}")
        os.makedirs(self._folder)
        self.process = None
        self._argv = self._prepare(binary, {
            "LISTEN_PORT": self.port,
            "ADMIN_PORT": admin_port,
            "ORIGIN_PORT": origin_port,
            "NOFILE": nofile,
            # Both sides of 10,000 connections are not needed: the upstream side is shared.
            "MAX_SOCKETS": min(30000, nofile - 1000),
            "ROUTES": _routes(routes),
            "ACCESS_LOG": (extras.access_log(os.path.join(self._folder, "access.log"))
                           if extra == "log" else ""),
            "VIRTUAL_HOST": extras.virtual_host(extra, 14),
            "FILTERS": extras.filters(extra, folder),
            "STREAM_MODULE": nginx_stream_module() or "",
            "TLS_DIRECTIVES": "",
            **self._http2_places(),
            **(_tls_values(name, mode, make_certificates(folder)) if self.tls else {}),
        })

    def _http2_places(self):
        """HTTP/2 in front (always there, used by its scenarios), with TLS, and behind."""
        certificate = os.path.join(self._folder, "server.pem")
        places = {"HTTP2": "", "TLS": "", "UPSTREAM": ""}
        tls = self._mode == "tls"
        if tls:
            make_certificate(certificate)
        if self.name == "nginx" and self._mode in ("http2", "tls"):
            # Without TLS this port speaks HTTP/2 alone.
            self.http2_port = process.free_ports(1)[0]
            kind = (f"ssl http2; ssl_certificate {certificate}; ssl_certificate_key {certificate}"
                    if tls else "http2")
            places["HTTP2"] = textwrap.indent(f"""\
server {{
  listen 127.0.0.1:{self.http2_port} {kind};
  http2_max_concurrent_streams 128;
  location / {{ proxy_pass http://origin; }}
}}
""", "  ")
        elif self.name == "haproxy":
            if tls:
                self.http2_port = process.free_ports(1)[0]
                places["HTTP2"] = (f"    bind 127.0.0.1:{self.http2_port} backlog 4096 ssl crt "
                                   f"{certificate} alpn h2\n")
            if self._mode == "upstream2":
                places["UPSTREAM"] = " proto h2"
        else:
            if tls:
                places["TLS"] = _TLS.format(certificate=certificate)
            if self._mode == "upstream2":
                places["UPSTREAM"] = _UPSTREAM2
        return places

    def _prepare(self, binary, values):
        if self.name == "raw":
            return [binary, str(values["LISTEN_PORT"]), str(values["ORIGIN_PORT"])]
        template = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}.get(self.name, "proxy.yaml")
        if self._mode == "tcp":
            template = template.replace(".", "-tcp.")
        config = os.path.join(self._folder, template)
        with open(config, "w", encoding="utf-8") as out:
            out.write(render(template, values))
        if self.name == "nginx":
            return [binary, "-e", "stderr", "-p", self._folder, "-c", config]
        if self.name == "haproxy":
            return [binary, "-db", "-f", config]
        return [binary, "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "error"]

    def path(self, suffix="b0"):
        """A path that this configuration routes to the origin."""
        return "/" + suffix if self.routes == 1 else route_prefix(0) + suffix

    def http2_url(self, path):
        """Where it speaks HTTP/2."""
        return f"http{'s' if self._mode == 'tls' else ''}://127.0.0.1:{self.http2_port}{path}"

    def start(self):
        """Starts it and returns the ms from exec to the first 200."""
        self.process = process.Process(self._argv, process.cores()[1],
                                       os.path.join(self._folder, "log"), cwd=self._folder)
        if self._mode == "tls":
            ready_ns = process.wait_for_http2(self.process, self.http2_url(self.path()),
                                              process.cores()[0])
        else:
            # Where a plain request is not answered with 200 it is ready when it listens: nobody here
            # listens before it can serve.
            opens = self.tls or self.extra.startswith("jwt")
            wait = process.wait_until_open if opens else process.wait_for_200
            ready_ns = wait(self.process, self.port, self.path())
        return (ready_ns - self.process.exec_ns) / 1e6

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None
