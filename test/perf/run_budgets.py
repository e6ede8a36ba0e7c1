#!/usr/bin/env python3
"""Measures what one request costs and fails when it is more than budgets.json allows.

test/perf/run_budgets.py --remora PATH [--update] [--only GROUP,...], groups: syscalls, allocations,
instructions, routes, header_changes, filters, access_log, tcp, tls, http2, discovery, limits

Exit code 0: within the budgets. 1: above one of them. 2: could not be measured.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # The tree stays as it was checked out.

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools", "bench"))

import counts  # pylint: disable=wrong-import-position
import discovery  # pylint: disable=wrong-import-position
import extras  # pylint: disable=wrong-import-position
import process  # pylint: disable=wrong-import-position
import subjects  # pylint: disable=wrong-import-position

GROUPS = ("syscalls", "allocations", "instructions", "routes", "header_changes", "filters",
          "access_log", "tcp", "tls", "http2", "discovery", "limits")
CONFIG = os.path.join(HERE, "plain.yaml")
TCP_CONFIG = os.path.join(HERE, "tcp.yaml")
TLS_CONFIG = os.path.join(HERE, "tls.yaml")
HTTP2_CONFIG = os.path.join(HERE, "http2.yaml")
BUDGETS = os.path.join(HERE, "budgets.json")
WARM_REQUESTS = 500
COUNTED_REQUESTS = 2000
STARTS = 10
STREAMS = 32
IDLE_CONNECTIONS = 1000
# Magic, empty SETTINGS, and GET / of a on stream 1 (RFC 7541, appendix A).
HTTP2_GET = (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
             + bytes([0, 0, 6, 1, 5, 0, 0, 0, 1]) + b"\x82\x86\x84\x41\x01a")
MANY_ROUTES = 10_000
ONE_ROUTE = '- match: { prefix: "/" }\n                route: { cluster: origin, timeout: 15s }'

STAT_PREFIX = "          stat_prefix: plain\n"
HTTP_FILTERS = "          http_filters:\n"


class Server:
    """The binary under test with ports of its own, in front of a running origin.

    On plain.yaml, or the configuration that `source` names.
    """

    def __init__(self, binary, folder, origin_port, prefix=(), extra_env=None, routes=1,
                 changes="", access_log="", idle_filters=0, source=CONFIG):
        os.makedirs(folder)
        self._folder = folder
        self.port, admin_port = process.free_ports(2)
        config = self.file("plain.yaml")
        with open(source, encoding="utf-8") as written:
            text = written.read()
        for written, used in ((18080, self.port), (18081, origin_port), (18082, admin_port)):
            text = text.replace(f"port_value: {written}", f"port_value: {used}")
        self.tls = source == TLS_CONFIG
        if self.tls:
            text = text.replace("CERTS", subjects.make_certificates(os.path.dirname(folder)))
        self.path = "/b0"
        if (changes or routes > 1) and ONE_ROUTE not in text:
            raise process.Failure(f"{source} has no place for other routes")
        text = text.replace(ONE_ROUTE, ONE_ROUTE + changes)
        if routes > 1:
            prefixes = [subjects.route_prefix(index) for index in range(routes)]
            text = text.replace(ONE_ROUTE, ("\n" + " " * 14).join(
                ONE_ROUTE.replace('"/"', f'"{prefix}"') for prefix in prefixes))
            self.path = prefixes[-1] + "b0"
        if access_log:
            if STAT_PREFIX not in text:
                raise process.Failure(f"{source} has no place for an access log")
            text = text.replace(STAT_PREFIX, STAT_PREFIX + extras.access_log(access_log))
        if idle_filters:
            if HTTP_FILTERS not in text:
                raise process.Failure(f"{source} has no place for filters")
            text = text.replace(HTTP_FILTERS, HTTP_FILTERS + extras.idle_filters(idle_filters))
        with open(config, "w", encoding="utf-8") as out:
            out.write(text)
        argv = [*prefix, binary, "-c", config, "--concurrency", "1", "--disable-hot-restart",
                "-l", "error"]
        self.process = process.Process(argv, max(os.sched_getaffinity(0)), self.file("log"),
                                       cwd=folder, env={**os.environ, **(extra_env or {})})
        wait = process.wait_until_open if self.tls else process.wait_for_200
        ready_ns = wait(self.process, self.port, self.path, timeout=180)
        self.start_ms = (ready_ns - self.process.exec_ns) / 1e6

    def file(self, name):
        return os.path.join(self._folder, name)

    def stop(self):
        self.process.stop()


class Budgets:
    """One run: measures the groups that are asked for into `values`."""

    def __init__(self, binary, folder, tools):
        self._binary = binary
        self._folder = folder
        self._load_tool = tools["load"]
        self._tls_load_tool = tools["tls_load"]
        self._core = min(os.sched_getaffinity(0))
        self._origin_port = process.free_ports(1)[0]
        origin = process.Process([tools["origin"], str(self._origin_port)], self._core,
                                 os.path.join(folder, "origin.log"))
        process.wait_for_200(origin, self._origin_port)
        self.values = {}
        self.notes = []
        self.problems = []

    def _server(self, name, origin_port=None, **kwargs):
        return Server(self._binary, os.path.join(self._folder, name),
                      origin_port or self._origin_port, **kwargs)

    def _runner(self, server, path="/b0"):
        """A function that sends N requests on one connection and insists on N times 200.

        One connection: the number of events in a wake-up, and so the count, is always the same.
        """
        def run(requests):
            output = process.run_tool(
                [*self._load_argv(server), f"--requests={requests}", "--headers=10",
                 f"--path={path}"], self._core, 300)
            figures = json.loads(output)
            if figures["requests"] != requests or figures["errors"] or figures["non_2xx"]:
                raise process.Failure(f"requests failed: {output}" + server.process.log_tail())
            server.process.check_alive()
        run(WARM_REQUESTS)
        return run

    def _load_argv(self, server):
        if not server.tls:
            return [self._load_tool, f"--port={server.port}"]
        own = os.path.join(self._folder, "certs", "client")
        return [self._tls_load_tool, f"--port={server.port}", f"--cert={own}.pem",
                f"--key={own}.key"]

    def try_group(self, group):
        """Measures one group; what cannot be measured is kept for the report."""
        try:
            getattr(self, group)()
        except (process.Failure, subprocess.SubprocessError) as error:
            self.problems.append(f"{group}: {error}")

    def syscalls(self):
        server = self._server("syscalls")
        kinds, others = counts.system_calls(server, self._runner(server), COUNTED_REQUESTS)
        server.stop()
        self.values.update({f"syscalls.{kind}": value for kind, value in kinds.items()})
        self.notes += [f"other system call: {name} {calls:.3f} a request"
                       for name, calls in sorted(others.items()) if abs(calls) >= 0.005]

    def allocations(self):
        if counts.has_own_allocator(self._binary):
            if not counts.has_symbols(self._binary):
                raise process.Failure("allocations cannot be counted: the program has an allocator "
                                      "of its own and no symbols, nor a debug file beside it")
            self.notes.append("the program has its own allocator: counted by callgrind")
            self._under_callgrind(with_allocations=True)
            return
        slope = self._allocations("allocations")
        self.values["allocations"] = slope["calls"]
        self.notes.append(f"allocated bytes a request: {slope['bytes']:.1f}")

    def tcp(self):
        """A request and its response as two messages through the TCP proxy."""
        self._costs("tcp", TCP_CONFIG)

    def tls(self):
        """The same request over TLS with a client's certificate, and a connection at rest."""
        self._costs("tls", TLS_CONFIG)
        server = self._server("tls-idle", source=TLS_CONFIG)
        self._runner(server)
        before = server.process.memory_kib()["anon"]
        with subprocess.Popen(
                [*self._load_argv(server), "--mode=idle", f"--connections={IDLE_CONNECTIONS}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            opened = json.loads(holder.stdout.readline() or '{"open":0}')
            after = server.process.memory_kib()["anon"]
            holder.stdin.close()
            holder.stdout.read()
        server.stop()
        if opened["open"] != IDLE_CONNECTIONS:
            raise process.Failure(f"only {opened['open']} connections of TLS could be held")
        self.values["tls.idle_bytes"] = (after - before) * 1024 / IDLE_CONNECTIONS

    def _costs(self, group, source):
        """System calls, instructions and allocations of a request on another configuration."""
        server = self._server(group + "-syscalls", source=source)
        kinds, others = counts.system_calls(server, self._runner(server), COUNTED_REQUESTS)
        server.stop()
        self.values.update({f"{group}.{kind}": value for kind, value in kinds.items()})
        self.notes += [f"{group}: other system call: {name} {calls:.3f} a request"
                       for name, calls in sorted(others.items()) if abs(calls) >= 0.005]
        found = self._count(group + "-callgrind", source=source)
        self.values[group + ".instructions"] = found["instructions"]
        if counts.has_own_allocator(self._binary):
            self.values[group + ".allocations"] = found["allocations"]
        else:
            self.values[group + ".allocations"] = self._allocations(
                group + "-allocations", source=source)["calls"]

    def http2(self):
        """HTTP/2 with many streams on one connection; the origin of HTTP/2 is a second proxy."""
        back = self._server("http2-origin")
        both = {"source": HTTP2_CONFIG, "origin_port": back.port}
        server = self._server("http2-syscalls", **both)
        kinds, _ = counts.system_calls(server, self._http2_runner(server), COUNTED_REQUESTS)
        server.stop()
        self.values["http2.recv"] = kinds["recv"]
        self.values["http2.send"] = kinds["send"]
        self.values["http2.syscalls"] = sum(
            calls for kind, calls in kinds.items() if kind != "empty_reads")
        if counts.has_own_allocator(self._binary):
            self.notes.append("http2: allocations are not counted with the program's own allocator")
        else:
            for name, kwargs in (("http2.to_http1_allocations", {}), ("http2.allocations", both)):
                self.values[name] = self._allocations(
                    name, make_runner=self._http2_runner, **kwargs)["calls"]
        self.values["http2.idle_kib"] = self._idle_http2()
        back.stop()

    def _http2_runner(self, server):
        """As _runner, with h2load."""
        def run(requests):
            output = process.run_tool(
                ["h2load", "-n", str(requests), "-c", "1", "-m", str(STREAMS),
                 f"http://127.0.0.1:{server.port}/b0"], self._core, 300, "finished in")
            if not re.search(rf"\b{requests} succeeded, 0 failed", output):
                raise process.Failure(f"requests failed: {output}" + server.process.log_tail())
            server.process.check_alive()
        run(WARM_REQUESTS)
        return run

    def _idle_http2(self):
        """KiB of memory of a connection that has served a request."""
        server = self._server("http2-idle")
        # What is kept for all of them is there before.
        waiting = [self._open_http2(server) for _ in range(100)]
        before = server.process.memory_kib()["rss"]
        waiting += [self._open_http2(server) for _ in range(IDLE_CONNECTIONS)]
        grown = server.process.memory_kib()["rss"] - before
        for connection in waiting:
            connection.close()
        server.stop()
        return grown / IDLE_CONNECTIONS

    @staticmethod
    def _open_http2(server):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        connection.sendall(HTTP2_GET)
        received = b""
        # The answer's last frame: DATA that ends stream 1.
        while bytes([0, 1, 0, 0, 0, 1]) not in received:
            piece = connection.recv(65536)
            if not piece:
                raise process.Failure("a connection of HTTP/2 was closed" + server.process.log_tail())
            received += piece
        return connection

    def _allocations(self, name, access_log="", make_runner=None, **kwargs):
        library = os.path.join(self._folder, "count_malloc.so")
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library,
                        os.path.join(HERE, "count_malloc.c")], check=True)
        counter_file = os.path.join(self._folder, name + ".count")
        server = self._server(name, access_log=access_log, extra_env={
            "LD_PRELOAD": library, "MALLOC_COUNT_FILE": counter_file}, **kwargs)
        runner = (make_runner or self._runner)(server)
        slope = counts.allocations(counter_file, runner, COUNTED_REQUESTS)
        server.stop()
        return slope

    def instructions(self):
        if "instructions" not in self.values:
            self._under_callgrind(with_allocations=False)

    def routes(self):
        """The same path by the only route, and by the last of many."""
        path = subjects.route_prefix(MANY_ROUTES - 1) + "b0"
        one, many = (self._count("routes-%d" % routes, path, routes=routes)["instructions"]
                     for routes in (1, MANY_ROUTES))
        self.values["routes_10000"] = many / one

    def header_changes(self):
        """What twenty changes of heads add."""
        without, with_changes = (
            self._count(f"changes-{bool(changes)}", changes=changes)["instructions"]
            for changes in ("", "\n" + extras.twenty_changes(16).rstrip("\n")))
        self.values["header_changes_20"] = with_changes - without

    def filters(self):
        """Ten filters that let everything pass, as a share of the request without them."""
        without, with_filters = (self._count(f"filters-{count}", idle_filters=count)["instructions"]
                                 for count in (0, 10))
        self.values["filters_10"] = with_filters / without

    def access_log(self):
        """What Envoy's default line to a file adds: instructions, and allocations."""
        path = os.path.join(self._folder, "access.log")
        plain = self._count("log-off")["instructions"]
        logged = self._count("log-on", access_log=path)["instructions"]
        self.values["access_log.instructions"] = logged - plain
        if os.path.getsize(path) < COUNTED_REQUESTS * 50:
            raise process.Failure("the access log is too short to be true")
        if counts.has_own_allocator(self._binary):
            self.notes.append("access_log: allocations are not counted with the program's own "
                              "allocator")
            return
        self.values["access_log.allocations"] = self._allocations(
            "log-allocations", access_log=path)["calls"]

    def _count(self, name, path="/b0", source=CONFIG, **kwargs):
        out = os.path.join(self._folder, name, "callgrind")
        server = self._server(
            name, source=source, prefix=(
                "valgrind", "--tool=callgrind", "--instr-atstart=yes",
                f"--callgrind-out-file={out}"), **kwargs)
        found = counts.instructions(server, self._runner(server, path), COUNTED_REQUESTS)
        server.stop()
        return found

    def _under_callgrind(self, with_allocations):
        found = self._count("callgrind")
        self.values["instructions"] = found["instructions"]
        if with_allocations:
            self.values["allocations"] = found["allocations"]

    def discovery(self):
        """A cluster of a source: to take it, to find it unchanged, to keep it."""
        self.values.update(discovery.measure(self._binary, self._folder))

    def limits(self):
        starts = []
        for index in range(STARTS):
            server = self._server(f"start{index}")
            starts.append(server.start_ms)
            if index == 0:
                self._runner(server)
                self.values["rss_mib"] = server.process.memory_kib()["rss"] / 1024
            server.stop()
        self.values["start_ms"] = statistics.median(starts)
        self.values["binary_mib"] = self._stripped_bytes() / 2**20

    def _stripped_bytes(self):
        if not shutil.which("strip"):
            return os.path.getsize(self._binary)
        target = os.path.join(self._folder, "stripped")
        subprocess.run(["strip", "-o", target, self._binary], check=True)
        return os.path.getsize(target)


def verdict(value, budget):
    """"" if the value is within the budget, else what is wrong."""
    allowance = 1 + budget.get("slack_percent", 0) / 100
    slack = budget.get("slack", 0)
    if value > budget["ceiling"] + slack:
        return "above the ceiling"
    # Sizes have a ceiling and may move below it; costs of a request may not rise at all.
    if "slack" in budget or "slack_percent" in budget:
        if budget["measured"] is not None and value > budget["measured"] * allowance + slack:
            return "more than the committed figure"
    return ""


def report(values, budgets, notes):
    """Prints the table; returns the names of what is above its budget."""
    failed = []
    print(f"{'per request':<22}{'measured':>12}{'committed':>12}{'ceiling':>10}")
    for name, budget in budgets.items():
        if name not in values:
            continue
        problem = verdict(values[name], budget)
        if problem and budget.get("printed_only"):
            problem += " (a time is printed, never a test)"
        elif problem:
            failed.append(name)
        committed = "-" if budget["measured"] is None else f"{budget['measured']:,.2f}"
        measured = round(values[name], 2) + 0.0  # Not "-0.00".
        print(f"{name:<22}{measured:>12,.2f}{committed:>12}{budget['ceiling']:>10,}  "
              + (problem or "ok"))
    for note in notes:
        print("  " + note)
    return failed


def save(values, budgets):
    """Writes the measured values, one budget a line."""
    for name, value in values.items():
        budgets[name]["measured"] = round(value, 2) + 0.0
    lines = [f"  {json.dumps(name)}: {json.dumps(budget)}" for name, budget in budgets.items()]
    with open(BUDGETS, "w", encoding="utf-8") as out:
        out.write("{\n" + ",\n".join(lines) + "\n}\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--remora", required=True, help="the binary under test")
    parser.add_argument("--only", default=",".join(GROUPS), help="some of " + ",".join(GROUPS))
    parser.add_argument("--tools", help="folder with origin and load, built already")
    parser.add_argument("--update", action="store_true",
                        help="write what was measured to budgets.json")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    if not set(arguments.only) <= set(GROUPS):
        parser.error(f"--only: some of {', '.join(GROUPS)}")
    needed = {"syscalls": ["strace"], "allocations": ["gcc", "readelf"],
              "instructions": ["valgrind", "vgdb"], "routes": ["valgrind", "vgdb"],
              "filters": ["valgrind", "vgdb"],
              "access_log": ["valgrind", "vgdb", "gcc"],
              "tcp": ["strace", "valgrind", "vgdb", "gcc"],
              "tls": ["strace", "valgrind", "vgdb", "gcc", "openssl"],
              "http2": ["strace", "gcc", "readelf", "h2load"],
              "discovery": ["valgrind", "vgdb"]}
    for group in arguments.only:
        for program in needed.get(group, []):
            if not shutil.which(program):
                parser.error(f"{program} is not installed (needed for {group})")
    arguments.remora = os.path.realpath(arguments.remora)
    try:
        with open(arguments.remora, "rb") as binary:
            if binary.read(4) != b"\x7fELF":
                parser.error(f"--remora: {arguments.remora} is a script, not the program itself")
    except OSError as error:
        parser.error(f"--remora: {error}")
    return arguments


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    with open(BUDGETS, encoding="utf-8") as file:
        budgets = json.load(file)
    with tempfile.TemporaryDirectory(prefix="remora-budgets-") as folder:
        try:
            run = Budgets(arguments.remora, folder, subjects.build_tools(folder, arguments.tools))
            for group in GROUPS:
                if group in arguments.only:
                    print(f"measuring {group} ...", flush=True)
                    run.try_group(group)
        except (process.Failure, subprocess.SubprocessError) as error:
            print(f"budgets: {error}", file=sys.stderr)
            return 2
        finally:
            process.stop_all()
    failed = report(run.values, budgets, run.notes)
    for problem in run.problems:
        print("not measured: " + problem)
    if arguments.update:
        save(run.values, budgets)
        print(f"wrote {os.path.relpath(BUDGETS)}")
    if failed:
        print("over budget: " + ", ".join(failed))
    if run.problems:
        return 2
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
