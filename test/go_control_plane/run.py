#!/usr/bin/env python3
"""go-control-plane's own integration program against Remora, in all its modes, without TLS and with it.

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
# Three snapshots, each until a batch of requests to all listeners has passed.
PACE = ["-u", "3", "-r", "3", "-delay", "200ms"]
# Not in this run: runtime layers, scoped routes, virtual hosts on demand, a network filter by ECDS.
LEFT_OUT = ["-runtimes", "0", "-scopedhttp", "0", "-vhdshttp", "0", "-extension", "0"]
LISTENERS = 4
LONGEST_RUN = 60
LONGEST_BUILD = 900
HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


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
    cache = os.environ.get("REMORA_CACHE", os.path.expanduser("~/.cache/remora"))
    found = []
    for go in (shutil.which("go"), "/usr/local/go/bin/go", os.path.join(cache, "python/bin/go")):
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
    done = subprocess.run(
        [find_go(), "build", "-o", path, PROGRAM], cwd=HERE, capture_output=True, text=True,
        env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"},
        timeout=LONGEST_BUILD, check=False)
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


def _address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name, port, http2=True):
    cluster = {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]}}
    if http2:
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": HTTP, "explicit_http_config": {"http2_protocol_options": {}}}}
    return cluster


def bootstrap(mode, plane, gateway, als):
    """What go-control-plane's sample/bootstrap-*.yaml says, with other ports."""
    service = [{"envoy_grpc": {"cluster_name": "xds_cluster"}}]
    api_types = {"xds": "GRPC", "ads": "GRPC", "delta": "DELTA_GRPC", "delta-ads": "DELTA_GRPC",
                 "rest": "REST"}
    api = {"api_type": api_types[mode], "transport_api_version": "V3"}
    if mode == "rest":
        api.update(cluster_names=["xds_cluster"], refresh_delay="0.2s")
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
    control = (_cluster("xds_cluster", gateway, http2=False) if mode == "rest" else
               _cluster("xds_cluster", plane))
    return {
        "node": {"id": "test-id", "cluster": "test-cluster"},
        "dynamic_resources": resources,
        "static_resources": {"clusters": [control, _cluster("als_cluster", als)]}}


def run_mode(name, tls, options, program, upstream, folder):
    """None, or what went wrong."""
    mode, extra = MODES[name]
    first = free_ports(LISTENERS + 3)
    plane, gateway, als = range(first + LISTENERS, first + LISTENERS + 3)
    config = os.path.join(folder, "bootstrap.json")
    with open(config, "w", encoding="utf-8") as out:
        json.dump(bootstrap(mode, plane, gateway, als), out)
    argv = [program, "-xds", mode, "-message", MESSAGE, "-port", str(plane), "-gateway",
            str(gateway), "-als", str(als), "-upstream", str(upstream), "-base", str(first),
            *PACE, *LEFT_OUT, *extra, *(["-tls"] if tls else [])]
    with open(os.path.join(folder, "remora.log"), "w+", encoding="utf-8") as log:
        with subprocess.Popen([options.remora, "-c", config, "--concurrency", "1",
                               "--disable-hot-restart", "--drain-time-s", "1"],
                              stdout=log, stderr=log) as remora:
            try:
                done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, timeout=LONGEST_RUN, check=False)
                said, code = done.stdout, done.returncode
            except subprocess.TimeoutExpired as error:
                said, code = (error.stdout or b"").decode(), f"no end within {LONGEST_RUN} s"
            alive = remora.poll() is None
            remora.terminate()
        log.seek(0)
        logged = log.read()
    if code == 0 and alive and "passed!" in said:
        return None
    died = "" if alive else f"\nRemora ended with {remora.returncode}"
    return (f"the program ended with {code}{died}\n--- program\n{_tail(said)}\n--- Remora\n"
            f"{_tail(logged)}")


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
            passed, failed = passed + (wrong is None), failed + (wrong is not None)
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
