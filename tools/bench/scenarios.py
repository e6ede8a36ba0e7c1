"""What is measured, and the measurement of one subject in one window."""

import dataclasses
import json
import os
import re
import tempfile

import process
import subjects


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One kind of traffic; `tool` is wrk for plain GETs, h2load for HTTP/2, load for the rest."""
    name: str
    title: str
    tool: str
    path: str = "b0"
    connections: int = 64
    headers: int = 3
    arguments: tuple = ()
    mode: str = "http"
    streams: int = 1             # of each connection
    grpc: bool = False           # unary calls, 100 B each way
    fields: tuple = ()           # "name: value" besides the headers, with wrk


TRAFFIC = (
    Scenario("get3", "keep-alive GET, 3 headers, 100 B", "wrk"),
    Scenario("get10", "keep-alive GET, 10 headers, 100 B", "wrk", headers=10),
    Scenario("close", "GET with `Connection: close`, 100 B", "load", connections=32,
             arguments=("--mode=close", "--sources=8")),
    Scenario("get64k", "keep-alive GET, 64 KiB answer", "wrk", path="b64k", connections=32),
    Scenario("get1m", "keep-alive GET, 1 MiB answer", "wrk", path="b1m", connections=8),
    Scenario("post16k", "POST 16 KiB", "load", connections=32, arguments=("--body=16384",)),
    Scenario("post1m", "POST 1 MiB", "load", connections=8, arguments=("--body=1048576",)),
)
# The same through proxies that pass on bytes.
TCP_TRAFFIC = (
    Scenario("tcp100", "TCP proxy: 100 B answers", "wrk", mode="tcp"),
    Scenario("tcp1m", "TCP proxy: 1 MiB answers", "wrk", path="b1m", connections=8, mode="tcp"),
)
# Through TLS that ends at the proxy; the tool is tls_load, whose mode comes first.
TLS_TRAFFIC = (
    Scenario("tls-get3", "TLS: keep-alive GET, 3 headers", "tls_load", connections=32,
             mode="tls-p256", arguments=("--mode=keepalive",)),
    Scenario("tls-get10", "TLS: keep-alive GET, 10 headers", "tls_load", connections=32,
             mode="tls-p256", arguments=("--mode=keepalive", "--headers=10")),
    Scenario("tls-full-p256", "TLS: a full handshake a request, P-256", "tls_load",
             connections=16, mode="tls-p256", arguments=("--mode=full",)),
    Scenario("tls-full-rsa", "TLS: a full handshake a request, RSA-2048", "tls_load",
             connections=16, mode="tls-rsa", arguments=("--mode=full",)),
    Scenario("tls-resumed", "TLS: a resumed handshake a request", "tls_load", connections=16,
             mode="tls-p256", arguments=("--mode=resumed",)),
    Scenario("mtls-get3", "mTLS: keep-alive GET, 3 headers", "tls_load", connections=32,
             mode="mtls", arguments=("--mode=keepalive",)),
    Scenario("mtls-full", "mTLS: a full handshake a request, P-256", "tls_load", connections=16,
             mode="mtls", arguments=("--mode=full",)),
)
# HTTP/2 from the client, without TLS and with it; and to the origin.
HTTP2_TRAFFIC = tuple(
    Scenario(f"{prefix}-{streams}", f"HTTP/2{text}, {streams} streams, 100 B", "h2load",
             connections=8, mode=mode, streams=streams)
    for prefix, text, mode in (("h2c", "", "http2"), ("h2", " with TLS", "tls"))
    for streams in (1, 10, 32, 100)
) + (
    Scenario("one-to-two", "HTTP/1 to HTTP/2, 100 B", "wrk", mode="upstream2"),
    Scenario("two-to-two", "HTTP/2 to HTTP/2, 32 streams, 100 B", "h2load", connections=8,
             mode="upstream2", streams=32),
    Scenario("grpc-unary", "gRPC unary, 32 streams, 100 B each way", "h2load",
             path=subjects.GRPC_METHOD, connections=8, mode="upstream2", streams=32, grpc=True),
)
# Who can be in each.
HTTP2_SUBJECTS = {"http2": ("remora", "haproxy", "nginx", "envoy"),
                  "tls": ("remora", "haproxy", "nginx", "envoy"),
                  "upstream2": ("remora", "haproxy", "envoy")}
ALL_TRAFFIC = TRAFFIC + TCP_TRAFFIC + TLS_TRAFFIC + HTTP2_TRAFFIC
# Not traffic in windows: measured by functions of run.py.
OTHERS = ("routes", "extras", "idle", "tls-idle", "start")
ROUTE_COUNTS = (1, 1000, 10000)
ROUTED = ("remora", "envoy")
# A window in which the proxy waited longer for its core (or the hypervisor took it) than this
# share was disturbed.
DISTURBED = 0.02
# Below this share of its core the proxy was not the limit, so its requests/s are the load's.
SATURATED = 0.97


@dataclasses.dataclass
class Window:
    """The figures of one subject in one round."""
    cpu_us: float
    rps: float
    p50_us: float
    p99_us: float
    busy: float
    waited: float
    errors: int


class Driver:
    """Makes the load, on the core of the load."""

    def __init__(self, tools, wrk, seconds, warm_seconds):
        self._tools = tools
        self._wrk = wrk
        self._seconds = seconds
        self._warm_seconds = warm_seconds
        self._core, self._proxy_core = process.cores()

    def warm(self, subject, path, connections):
        self._load(subject, path, connections, self._warm_seconds, ())

    def measure(self, subject, scenario, path=None):
        """Thaws the subject, warms it, measures one window, freezes it again."""
        path = path or "/" + scenario.path
        subject.process.check_alive()
        subject.process.thaw()
        if scenario.tool == "h2load":
            self._run_h2load(subject, path, scenario, max(1, self._warm_seconds))
        else:
            self._load(subject, path, scenario.connections, self._warm_seconds,
                       scenario.arguments)
        stolen = process.stolen_ns(self._proxy_core)
        ran, waited = subject.process.scheduled_ns()
        if scenario.tool == "wrk":
            figures = self._run_wrk(subject.port, path, scenario)
        elif scenario.tool == "h2load":
            figures = self._run_h2load(subject, path, scenario, self._seconds)
        else:
            figures = self._load(subject, path, scenario.connections, self._seconds,
                                 scenario.arguments)
        ran_after, waited_after = subject.process.scheduled_ns()
        lost = waited_after - waited + process.stolen_ns(self._proxy_core) - stolen
        subject.process.check_alive()
        subject.process.freeze()
        requests = figures["requests"]
        if requests == 0:
            raise process.Failure(f"{subject.name}: no request of {scenario.name} was answered\n"
                                  + subject.process.log_tail())
        window_ns = figures["seconds"] * 1e9
        return Window(
            cpu_us=(ran_after - ran) / requests / 1000,
            rps=figures["rps"], p50_us=figures["p50_us"], p99_us=figures["p99_us"],
            busy=(ran_after - ran) / window_ns, waited=lost / window_ns,
            errors=figures["errors"] + figures["non_2xx"])

    def _load(self, subject, path, connections, seconds, arguments):
        argv = [self._tools["tls_load" if subject.tls else "load"], f"--port={subject.port}",
                f"--path={path}", f"--connections={connections}", f"--seconds={seconds}",
                *certificate_arguments(subject), *arguments]
        return json.loads(process.run_tool(argv, self._core, seconds + 30))

    def _run_wrk(self, port, path, scenario):
        argv = [self._wrk, "-t1", f"-c{scenario.connections}", f"-d{int(self._seconds)}s",
                "--timeout", "10s", "-s", os.path.join(subjects.CONFIGS, "wrk.lua"),
                *(argument for field in scenario.fields for argument in ("-H", field)),
                f"http://127.0.0.1:{port}{path}", "--", str(scenario.headers)]
        output = process.run_tool(argv, self._core, self._seconds + 30)
        return json.loads(output[output.rindex("{"):])

    def _run_h2load(self, subject, path, scenario, seconds):
        """The figures of the other tools, from h2load's summary and its log of requests."""
        with tempfile.TemporaryDirectory(prefix="remora-h2load-") as folder:
            log = os.path.join(folder, "log")
            call = []
            if scenario.grpc:
                body = os.path.join(folder, "body")
                with open(body, "wb") as out:
                    out.write(subjects.GRPC_MESSAGE)
                call = ["-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers"]
            output = process.run_tool(
                ["h2load", f"-D{int(seconds)}", f"-c{scenario.connections}", f"-m{scenario.streams}",
                 "--log-file", log, *call, subject.http2_url(path)],
                self._core, seconds + 30, "finished in")
            with open(log, encoding="ascii") as lines:
                # Start, status (-1: failed), microseconds.
                answers = [line.split()[1:3] for line in lines]
        taken = sorted(int(microseconds) for _, microseconds in answers)
        failed = sum(not status.startswith("2") for status, _ in answers)
        rate = float(re.search(r"([\d.]+) req/s", output)[1])
        if not taken:
            raise process.Failure(f"h2load: no request was answered:\n{output}")
        return {"requests": len(taken) - failed, "seconds": seconds, "rps": rate,
                "p50_us": taken[len(taken) // 2], "p99_us": taken[len(taken) * 99 // 100],
                "errors": failed, "non_2xx": 0}


def certificate_arguments(subject):
    """Of tls_load, where clients must have a certificate."""
    own = subject.client_certificate
    return (f"--cert={own}.pem", f"--key={own}.key") if own else ()


def mirrored(items, round_index):
    """A B C D, then D C B A, then B C D A, ...: a steady drift cancels out."""
    shift = (round_index // 2) % len(items)
    order = items[shift:] + items[:shift]
    return order[::-1] if round_index % 2 else order
