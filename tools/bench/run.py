#!/usr/bin/env python3
"""Side-by-side benchmark of Remora, other proxies and a raw forwarder. See README.md here.

tools/bench/run.py --remora PATH [--scenarios get3,idle] [--rounds 3] [--seconds 4]
                   [--peers raw,haproxy,nginx,envoy] [--quick]

Exit code 0: all measured, no failed request. 1: measured, but some requests failed (the table
says which). 2: could not be measured.
"""

import argparse
import dataclasses
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # The tree stays as it was checked out.

import extras
import process
import report
import scenarios
import subjects

ROOT = os.path.dirname(os.path.dirname(subjects.HERE))
_began = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - _began:6.1f} s] {text}", flush=True)


def parse_arguments():
    names = [scenario.name for scenario in scenarios.ALL_TRAFFIC]
    names += scenarios.OTHERS
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--remora", required=True, help="the binary under test")
    parser.add_argument("--envoy", help="Envoy's binary, if it is not on PATH")
    parser.add_argument("--peers", default=",".join(subjects.PEERS))
    parser.add_argument("--scenarios", default=",".join(names), help="some of " + ",".join(names))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="length of one window")
    parser.add_argument("--idle", type=int, default=10000, help="idle connections to hold")
    parser.add_argument("--quick", action="store_true",
                        help="one short round, to see that everything works; not for figures")
    parser.add_argument("--tools", help="folder with origin, load and raw_forwarder, built already")
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "performance"),
                        help="folder for results.md and cpu.svg")
    parser.add_argument("--json", help="also write every window to this file")
    arguments = parser.parse_args()
    arguments.scenarios = [name for name in arguments.scenarios.split(",") if name]
    arguments.peers = [name for name in arguments.peers.split(",") if name]
    unknown = set(arguments.scenarios) - set(names)
    if unknown:
        parser.error(f"--scenarios: {', '.join(sorted(unknown))} is none of {', '.join(names)}")
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 1
        arguments.idle = min(arguments.idle, 1000)
    if arguments.rounds < 1 or arguments.seconds < 1:
        parser.error("--rounds and --seconds start at 1")
    return arguments


class Bench:
    """One run: its folder, its origin, its subjects and what was measured."""

    def __init__(self, arguments, folder):
        self._arguments = arguments
        self._folder = folder
        self._nofile = process.raise_file_limit()
        self._tools = subjects.build_tools(folder, arguments.tools)
        self._binaries = subjects.find(arguments.remora, arguments.envoy, arguments.peers,
                                       self._tools, say)
        wrk = shutil.which("wrk")
        if not wrk:
            raise process.Failure("wrk is not installed")
        self._driver = scenarios.Driver(self._tools, wrk, arguments.seconds,
                                        0.2 if arguments.quick else 1)
        self._origin_port = process.free_ports(1)[0]
        origin = process.Process([self._tools["origin"], str(self._origin_port)],
                                 process.cores()[0], os.path.join(folder, "origin.log"))
        process.wait_for_200(origin, self._origin_port)
        self._resolve_scripts()
        self.results = report.Results(
            versions={name: subjects.version(name, binary)
                      for name, binary in self._binaries.items()},
            rounds=arguments.rounds, seconds=arguments.seconds, quick=arguments.quick)

    def _subject(self, name, routes=1, extra="plain", mode="http"):
        return subjects.Subject(name, self._binaries[name], self._folder, self._origin_port,
                                self._nofile, routes, extra, mode)

    def _lacks(self, name, mode):
        """nginx may be built without its stream module; the raw forwarder speaks no TLS."""
        if mode in subjects.TLS_MODES:
            return name == "raw"
        if mode != "tcp" or name != "nginx" or subjects.nginx_stream_module() is not None:
            return False
        say("skipped: nginx has no stream module (package libnginx-mod-stream)")
        return True

    def _resolve_scripts(self):
        """A binary may be a script that starts the real one; that one is measured."""
        for name, binary in self._binaries.items():
            with open(binary, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    continue
            subject = self._subject(name)
            subject.start()
            self._binaries[name] = subject.process.executable()
            subject.stop()

    def run(self):
        wanted = self._arguments.scenarios
        self._traffic([s for s in scenarios.TRAFFIC if s.name in wanted])
        self._traffic([s for s in scenarios.TCP_TRAFFIC if s.name in wanted], "tcp")
        for mode in subjects.TLS_MODES:
            self._traffic([s for s in scenarios.TLS_TRAFFIC
                           if s.name in wanted and s.mode == mode], mode)
        for mode in scenarios.HTTP2_SUBJECTS:
            self._http2([s for s in scenarios.HTTP2_TRAFFIC
                         if s.name in wanted and s.mode == mode], mode)
        if "routes" in wanted:
            self._routes()
        if "extras" in wanted:
            self._extras()
        if "idle" in wanted:
            for name in self._binaries:
                self._memory(name)
        if "tls-idle" in wanted:
            for name in self._binaries:
                if not self._lacks(name, "mtls"):
                    self._tls_memory(name)
        if "start" in wanted:
            self._start()
            for name, binary in self._binaries.items():
                self.results.binary_bytes[name] = self._stripped_bytes(binary)

    def _http2(self, chosen, mode):
        """The scenarios of one mode, if h2load is here, and for an origin of HTTP/2 nginx."""
        if not chosen:
            return
        lacking = [tool for tool, needed in (("h2load", True), ("nginx", mode == "upstream2"))
                   if needed and not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin")]
        if lacking:
            say(f"skipped: {', '.join(s.name for s in chosen)}: no {lacking[0]}")
            return
        origin = self._origin_port
        if mode == "upstream2":
            nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
            self._origin_port = subjects.Http2Origin(nginx, self._folder).port
        self._traffic(chosen, mode, scenarios.HTTP2_SUBJECTS[mode])
        self._origin_port = origin

    def _traffic(self, chosen, mode="http", names=None):
        if not chosen:
            return
        running = [self._subject(name, mode=mode) for name in names or self._binaries
                   if name in self._binaries and not self._lacks(name, mode)]
        for subject in running:
            subject.start()
            subject.process.freeze()
        for scenario in chosen:
            for round_index in range(self._arguments.rounds):
                for subject in scenarios.mirrored(running, round_index):
                    window = self._driver.measure(subject, scenario)
                    self._record(scenario.name, subject.name, round_index, window)
        for subject in running:
            subject.stop()

    def _routes(self):
        """Hits the first, middle and last of N prefix routes, all in the same rounds."""
        scenario = next(s for s in scenarios.TRAFFIC if s.name == "get3")
        names = [name for name in scenarios.ROUTED if name in self._binaries]
        running = [self._subject(name, count)
                   for count in scenarios.ROUTE_COUNTS for name in names]
        for subject in running:
            subject.start()
            subject.process.freeze()
        hits = []
        for subject in running:
            last = subject.routes - 1
            places = {"first": 0} if last == 0 else {"first": 0, "middle": last // 2, "last": last}
            hits += [(subject, place, subjects.route_prefix(index) + "b0")
                     for place, index in places.items()]
        for round_index in range(self._arguments.rounds):
            for subject, place, path in scenarios.mirrored(hits, round_index):
                window = self._driver.measure(subject, scenario, path)
                self._record(f"routes-{subject.routes}-{place}", subject.name, round_index, window)
        for subject in running:
            subject.stop()

    def _extras(self):
        """The same traffic with nothing and with each of EXTRAS, all in the same rounds."""
        scenario = dataclasses.replace(
            next(s for s in scenarios.TRAFFIC if s.name == "get10"),
            fields=("Authorization: Bearer " + extras.make_token(self._folder),
                    "Origin: " + extras.ORIGIN))
        running = [self._subject(name, extra=extra) for name in scenarios.ROUTED
                   if name in self._binaries for extra in extras.EXTRAS]
        for subject in running:
            subject.start()
            subject.process.freeze()
        for round_index in range(self._arguments.rounds):
            for subject in scenarios.mirrored(running, round_index):
                window = self._driver.measure(subject, scenario)
                self._record(f"extras-{subject.extra}", subject.name, round_index, window)
        for subject in running:
            subject.stop()

    def _record(self, scenario, name, round_index, window):
        self.results.add(scenario, name, window)
        note = ""
        if window.errors:
            note += f", {window.errors} FAILED REQUESTS"
        if window.waited > scenarios.DISTURBED:
            note += f", disturbed: waited {window.waited:.0%} of the time for its core"
        say(f"{scenario}, round {round_index + 1}/{self._arguments.rounds}: {name} "
            f"{window.cpu_us:.2f} us CPU, {window.rps:.0f}/s, p50 {window.p50_us:.0f} us, "
            f"p99 {window.p99_us:.0f} us{note}")

    def _memory(self, name):
        """A fresh process: after one request, after load, and what an idle connection adds."""
        subject = self._subject(name)
        subject.start()
        figures = {"fresh_kib": subject.process.memory_kib()["pss"]}
        self._driver.warm(subject, "/b0", 64)
        loaded = subject.process.memory_kib()
        figures["loaded_kib"] = loaded["pss"]
        figures["loaded_rss_kib"] = loaded["rss"]
        if name != "raw":  # It needs two sockets a connection; its figure would say nothing.
            figures["idle_bytes"] = self._idle(subject, loaded["anon"])
        subject.stop()
        self.results.memory[name] = figures
        idle = figures.get("idle_bytes")
        say(f"memory: {name} {figures['fresh_kib'] / 1024:.1f} MiB after one request, "
            f"{figures['loaded_kib'] / 1024:.1f} after load"
            + (f", {idle:.0f} B an idle connection" if idle is not None else ""))

    def _tls_memory(self, name):
        """What an idle connection with a client's certificate adds."""
        subject = self._subject(name, mode="mtls")
        subject.start()
        self._driver.warm(subject, "/b0", 64)
        idle = self._idle(subject, subject.process.memory_kib()["anon"])
        subject.stop()
        self.results.memory.setdefault(name, {})["mtls_idle_bytes"] = idle
        say(f"memory: {name} {idle:.0f} B an idle connection with mTLS")

    def _idle(self, subject, anon_before):
        count = min(self._arguments.idle, self._nofile - 1000)
        holder = process.Process(
            [self._tools["tls_load" if subject.tls else "load"], f"--port={subject.port}",
             "--mode=idle", f"--connections={count}",
             *scenarios.certificate_arguments(subject)],
            process.cores()[0], os.path.join(self._folder, "idle.log"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        opened = json.loads(holder.popen.stdout.readline() or b'{"open":0,"errors":1,"non_2xx":0}')
        time.sleep(0.5)  # Lets deferred work of the proxy settle before its memory is read.
        anon = subject.process.memory_kib()["anon"]
        holder.popen.stdin.close()
        closed = json.loads(holder.popen.stdout.readline() or b'{"closed_by_server":-1}')
        holder.stop()
        lost = opened["errors"] + opened["non_2xx"] + abs(closed["closed_by_server"])
        if opened["open"] != count or lost:
            self.results.failures.append(
                f"idle: {subject.name} held {opened['open'] - lost} of {count} connections")
            say(self.results.failures[-1])
        return (anon - anon_before) * 1024 / count

    def _start(self):
        runs = 3 if self._arguments.quick else 20
        for name in self._binaries:
            times = []
            for _ in range(runs):
                subject = self._subject(name)
                times.append(subject.start())
                subject.stop()
            self.results.start_ms[name] = statistics.median(times)
            say(f"start: {name} {self.results.start_ms[name]:.1f} ms, median of {runs}")

    def _stripped_bytes(self, binary):
        strip = shutil.which("strip")
        if not strip:
            return os.path.getsize(binary)
        target = os.path.join(self._folder, "stripped")
        subprocess.run([strip, "-o", target, binary], check=True)
        size = os.path.getsize(target)
        os.remove(target)
        return size


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    with tempfile.TemporaryDirectory(prefix="remora-bench-") as folder:
        try:
            bench = Bench(arguments, folder)
            bench.run()
        except (process.Failure, subprocess.CalledProcessError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("bench: interrupted, nothing written", file=sys.stderr)
            return 2
        finally:
            process.stop_all()
    os.makedirs(arguments.out, exist_ok=True)
    for path in report.write(bench.results, arguments.out):
        say(f"wrote {path}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as out:
            json.dump(bench.results.as_json(), out, indent=1)
            out.write("\n")
        say(f"wrote {arguments.json}")
    for line in bench.results.all_failures():
        say("FAILED: " + line)
    return 1 if bench.results.all_failures() else 0


if __name__ == "__main__":
    sys.exit(main())
