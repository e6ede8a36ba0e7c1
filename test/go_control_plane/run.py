#!/usr/bin/env python3
"""go-control-plane's own integration program against Remora: all its modes, with TLS and without.

test/go_control_plane/run.py --remora PATH [--only WORD] [--program PATH]

A line a mode; the last line counts. Exit code 0: all passed, or there is no Go here, which is said.
"""

import argparse
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # The tree stays as it was checked out.

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools", "bench"))

from scale_bootstrap import cluster  # pylint: disable=wrong-import-position

CACHE = os.path.abspath(os.environ.get("REMORA_CACHE") or os.path.expanduser("~/.cache/remora"))
PROGRAM = "github.com/envoyproxy/go-control-plane/pkg/test/main"
OLDEST_GO = (1, 23)
MESSAGE = "Hi, there!\n"
# Name: the program's -xds, what else it gets. mux: endpoints from a cache of their own.
MODES = {
    "xds": ("xds", []),
    "ads": ("ads", []),
    "delta": ("delta", []),
    "delta-ads": ("delta-ads", []),
    "rest": ("rest", []),
    "mux": ("xds", ["-mux"]),
}
# Three snapshots with five batches of requests to all listeners each, of which one has to pass.
PACE = ["-u", "3", "-r", "5", "-delay", "200ms"]
RUNTIME = "runtime-0"
RUNTIMES = ["-runtimes", "1"]
# Not in this run is what the program has for ECDS: a connection manager, which no listener of its
# names and which Remora takes from a listener only.
LEFT_OUT = ["-extension", "0"]
# Plain, with scoped routes, TCP, and, of delta, with virtual hosts from a source: two each.
LISTENERS = 8
LONGEST_RUN = 60
LONGEST_BUILD = 900
LONGEST_END = 10


class Skip(Exception):
    """There is nothing to run it with; the text says what is missing."""


class Echo(http.server.BaseHTTPRequestHandler):
    """The upstream: it says the same to everybody."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.send_header("content-length", str(len(MESSAGE)))
        self.end_headers()
        self.wfile.write(MESSAGE.encode())

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def find_go():
    """A Go that can build the program."""
    found = []
    for go in (shutil.which("go"), "/usr/local/go/bin/go", os.path.join(CACHE, "python/bin/go")):
        if not go or not os.access(go, os.X_OK):
            continue
        said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"go(\d+)\.(\d+)", said)
        if version and tuple(map(int, version.groups())) >= OLDEST_GO:
            return go
        found.append(f"{go} ({said.strip()})")
    raise Skip("no Go of 1.23 or later" + (f", only {', '.join(found)}" if found else "") +
               "; tools/setup --all installs one")


def build(folder):
    """The program; its modules come from the Go module registry, as go.sum says."""
    path = os.path.join(folder, "integration")
    begun = time.monotonic()
    # -modcacherw: the cache can be removed like any other folder.
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOPATH": os.path.join(CACHE, "go"),
           "GOCACHE": os.path.join(CACHE, "go", "build"),
           "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false"}
    try:
        done = subprocess.run([find_go(), "build", "-o", path, PROGRAM], cwd=HERE, env=env,
                              capture_output=True, text=True, timeout=LONGEST_BUILD, check=False)
    except subprocess.TimeoutExpired:
        sys.exit(f"go build: no end within {LONGEST_BUILD} s")
    if done.returncode != 0 and re.search(r"dial tcp|no such host|i/o timeout", done.stderr):
        raise Skip("the Go modules cannot be fetched: " + done.stderr.strip().splitlines()[-1])
    if done.returncode != 0:
        sys.exit(f"go build failed:\n{done.stderr}")
    print(f"built {PROGRAM} in {time.monotonic() - begun:.0f} s", flush=True)
    return path


def free_ports(count):
    """So many neighbours of 127.0.0.1 that nobody listens on."""
    for first in range(24000 + os.getpid() % 200 * 20, 32000, count):
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for probe in held:
                probe.close()
    raise OSError("no free ports")


def bootstrap(mode, plane, gateway, als):
    """What go-control-plane's sample/bootstrap-*.yaml says, with other ports.

    Those for ADS have no runtime layer there.
    """
    service = [{"envoy_grpc": {"cluster_name": "xds_cluster"}}]
    api_types = {"xds": "GRPC", "ads": "GRPC", "delta": "DELTA_GRPC", "delta-ads": "DELTA_GRPC",
                 "rest": "REST"}
    api = {"api_type": api_types[mode], "transport_api_version": "V3"}
    if mode == "rest":
        api.update(cluster_names=["xds_cluster"], refresh_delay="0.05s")
    else:
        api.update(grpc_services=service, set_node_on_first_message_only=True)
    source = {"resource_api_version": "V3"}
    resources = {}
    if mode.endswith("ads"):
        resources["ads_config"] = api
        source["ads"] = {}
    else:
        source["api_config_source"] = api
    resources.update(cds_config=source, lds_config=source)
    control = cluster("xds_cluster", gateway if mode == "rest" else plane, http2=mode != "rest")
    return {
        "node": {"id": "test-id", "cluster": "test-cluster"},
        "dynamic_resources": resources,
        "static_resources": {"clusters": [control, cluster("als_cluster", als, http2=True)]},
        "layered_runtime": {"layers": [
            {"name": RUNTIME, "rtds_layer": {"name": RUNTIME, "rtds_config": source}}]}}


def _end(process):
    """Ends it. None, or that it had to be killed."""
    process.terminate()
    try:
        process.wait(LONGEST_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"was still there {LONGEST_END} s after SIGTERM"
    return None


def _run_both(remora_argv, program_argv, log, output):
    """What went wrong: a list of sentences. None of the two is left afterwards."""
    wrong = []
    # pylint: disable-next=consider-using-with
    remora = subprocess.Popen(remora_argv, stdout=log, stderr=log)
    try:
        with subprocess.Popen(program_argv, stdout=output, stderr=output) as program:
            deadline = time.monotonic() + LONGEST_RUN
            try:
                # Without Remora the program would wait for it.
                while (program.poll() is None and remora.poll() is None and
                       time.monotonic() < deadline):
                    time.sleep(0.05)
                if program.poll() is None and remora.poll() is None:
                    wrong.append(f"the program: no end within {LONGEST_RUN} s")
                elif program.returncode:
                    wrong.append(f"the program ended with {program.returncode}")
            finally:
                program.kill()
    finally:
        if remora.poll() is None:
            still = _end(remora)
            wrong += [f"Remora {still}"] if still else []
        else:
            wrong.append(f"Remora ended by itself, with {remora.returncode}")
    return wrong


def run_mode(name, tls, options, program, upstream, folder):
    """What went wrong, if anything did."""
    mode, extra = MODES[name]
    first = free_ports(LISTENERS + 3)
    plane, gateway, als = range(first + LISTENERS, first + LISTENERS + 3)
    config = os.path.join(folder, "bootstrap.json")
    with open(config, "w", encoding="utf-8") as out:
        json.dump(bootstrap(mode, plane, gateway, als), out)
    argv = [program, "-xds", mode, "-message", MESSAGE, "-port", str(plane), "-gateway",
            str(gateway), "-als", str(als), "-upstream", str(upstream), "-base", str(first),
            *PACE, *RUNTIMES, *LEFT_OUT, *extra, *(["-tls"] if tls else [])]
    remora = [options.remora, "-c", config, "--concurrency", "1", "--disable-hot-restart",
              "--drain-time-s", "1"]
    with (open(os.path.join(folder, "remora.log"), "w+", encoding="utf-8") as log,
          open(os.path.join(folder, "program.log"), "w+", encoding="utf-8") as output):
        wrong = _run_both(remora, argv, log, output)
        log.seek(0)
        output.seek(0)
        logged, said = log.read(), output.read()
    if not wrong and "passed!" not in said:
        wrong.append("the program does not say that it passed")
    return wrong and "\n".join([*wrong, "--- program", _tail(said), "--- Remora", _tail(logged)])


def _tail(text):
    return "\n".join(text.splitlines()[-25:])


def run_all(options, program):
    """(passed, failed)"""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    passed = failed = 0
    for name in MODES:
        for tls in (False, True):
            title = name + (" tls" if tls else "")
            if options.only not in title:
                continue
            begun = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                wrong = run_mode(name, tls, options, program, server.server_address[1], folder)
            passed, failed = passed + (not wrong), failed + bool(wrong)
            print(f"{title:14} {'FAILED' if wrong else 'passed'} {time.monotonic() - begun:5.1f} s",
                  flush=True)
            if wrong:
                print(wrong, flush=True)
    server.shutdown()
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--remora", required=True)
    parser.add_argument("--only", default="", help="modes whose name has this word in it")
    parser.add_argument("--program", help="the integration program, built before")
    options = parser.parse_args()
    options.remora = os.path.abspath(options.remora)
    if not os.access(options.remora, os.X_OK):
        parser.error(f"{options.remora} cannot be run")
    try:
        with tempfile.TemporaryDirectory() as folder:
            passed, failed = run_all(options, options.program or build(folder))
    except Skip as skip:
        print(f"go_control_plane: skipped: {skip}")
        return 0
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
