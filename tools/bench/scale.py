#!/usr/bin/env python3
"""scale.py: configuration from a control plane at scale, Remora and Envoy side by side.

    tools/bench/scale.py --remora PATH --peer bazel-bin/tools/bench/scale/scale_peer [--envoy PATH]

--out FOLDER writes scale.md there. --shapes and --flavours choose, --rounds is how often each start
is measured. A run with Envoy takes about twenty minutes.
"""

import argparse
import dataclasses
import json
import os
import select
import shutil
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # The tree stays as it was checked out.

import process  # pylint: disable=wrong-import-position
import scale_report  # pylint: disable=wrong-import-position
from scale_bootstrap import address, cluster  # pylint: disable=wrong-import-position

# name: clusters, endpoints of each, virtual hosts (0: a route to each cluster).
SHAPES = {
    "100": (100, 3, 0),
    "1000": (1_000, 3, 0),
    "10000": (10_000, 3, 0),
    "endpoints": (100, 1_000, 0),
    "hosts": (1, 3, 10_000),
}
FLAVOURS = {"delta": "DELTA_GRPC", "sotw": "GRPC"}
CHURN_SHAPE = "10000"
CHURNS = 10
MOVES = 9
PUSHES = {"delta": 50, "sotw": 10}
STEADY_SECONDS = 2
SETTLE_SECONDS = 6  # the flush of statistics, and what is done with it, comes every five
LONGEST_ANSWER = 150
HCM = ("type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
       "HttpConnectionManager")
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


@dataclasses.dataclass
class Start:
    """One start, to the first 200 through the last route, and one changed endpoint behind it."""

    ready_ms: float
    cpu_ms: float
    worker_ms: float   # of that, the worker's thread
    rss_mib: float
    settled_mib: float = 0.0
    seen_ms: float = 0.0
    taken_ms: float = 0.0
    change_cpu_ms: float = 0.0
    quiet_ms: float = 0.0    # the longest answer to a steady stream, without changes
    stall_ms: float = 0.0    # and with them
    change_worker_ms: float = 0.0  # what the changes cost the worker's thread, each


def bootstrap(flavour, plane, admin, steady, origin):
    """A proxy with a control plane, and a listener of its own for the steady stream."""
    manager = {
        "@type": HCM, "stat_prefix": "steady",
        "route_config": {"name": "steady", "virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "steady"}}]}]},
        "http_filters": [{"name": "envoy.filters.http.router",
                          "typed_config": {"@type": ROUTER}}]}
    source = {"ads": {}, "resource_api_version": "V3"}
    return {
        "node": {"id": "scale", "cluster": "scale"},
        "admin": {"address": address(admin)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": FLAVOURS[flavour], "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "plane"}}]},
            "cds_config": source, "lds_config": source},
        "static_resources": {
            "listeners": [{
                "name": "steady", "address": address(steady),
                "filter_chains": [{"filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": manager}]}]}],
            "clusters": [cluster("plane", plane, True), cluster("steady", origin, False)]}}


class Peer:
    """The control plane, the origins and the clients."""

    def __init__(self, binary, shape, ports, filled, core, log):
        listener, steady = ports
        argv = [binary, *map(str, SHAPES[shape]), str(listener), str(steady),
                "filled" if filled else "empty"]
        self._process = process.Process(argv, core, log, stdin=-1, stdout=-1)
        self.ports = self._line()

    def _line(self):
        out = self._process.popen.stdout
        if not select.select([out], [], [], LONGEST_ANSWER)[0]:
            raise process.Failure("scale_peer says nothing\n" + self._process.log_tail())
        line = out.readline()
        if not line:
            raise process.Failure("scale_peer has ended\n" + self._process.log_tail())
        return json.loads(line)

    def tell(self, command):
        """Its answer; a figure of 0 is what did not come about in time."""
        self._process.popen.stdin.write(command.encode() + b"\n")
        self._process.popen.stdin.flush()
        answer = self._line()
        if 0 in [value for name, value in answer.items() if name != "failed"]:
            raise process.Failure(f"{command}: not in time\n" + self._process.log_tail())
        return answer

    def stop(self):
        self._process.stop()


class World:
    """A proxy with everything around it."""

    def __init__(self, binary, options, shape, flavour, filled):
        self._folder = tempfile.TemporaryDirectory()
        listener, steady, admin = process.free_ports(3)
        self._cores = process.cores()
        self.peer = Peer(options.peer, shape, (listener, steady), filled, self._cores[0],
                         self._file("peer.log"))
        config = self._file("bootstrap.json")
        with open(config, "w", encoding="utf-8") as out:
            json.dump(bootstrap(flavour, self.peer.ports["plane"], admin, steady,
                                self.peer.ports["origin"]), out)
        self.proxy = process.Process(
            [binary, "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "error"],
            self._cores[1], self._file("proxy.log"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.stop()
        self.peer.stop()
        self._folder.cleanup()

    def _file(self, name):
        return os.path.join(self._folder.name, name)

    def cpu_ms(self):
        return self.proxy.scheduled_ns()[0] / 1e6

    def worker_ms(self):
        """What the worker's thread has had."""
        tasks = f"/proc/{self.proxy.popen.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/comm", encoding="utf-8") as comm:
                if comm.read().strip() != "wrk:worker_0":
                    continue
            with open(f"{tasks}/{task}/schedstat", encoding="ascii") as stat:
                return int(stat.read().split()[0]) / 1e6
        return 0.0

    def rss_mib(self):
        return self.proxy.memory_kib()["rss"] / 1024

    def use_both_cores(self):
        for task in os.listdir(f"/proc/{self.proxy.popen.pid}/task"):
            os.sched_setaffinity(int(task), set(self._cores))


def _median(values):
    return statistics.median(values) if values else 0.0


def measure_start(binary, options, shape, flavour):
    """A start, and one changed endpoint."""
    with World(binary, options, shape, flavour, True) as world:
        ready = world.peer.tell("ready")["ready"]
        start = Start((ready - world.proxy.exec_ns) / 1e6, world.cpu_ms(), world.worker_ms(),
                      world.rss_mib())
        time.sleep(0.5)
        if SHAPES[shape][1] <= 3:  # a request in turn to each of more endpoints takes its own time
            start.seen_ms = _median(
                [world.peer.tell("move")["seen_ns"] / 1e6 for _ in range(MOVES)])
        measure_changes(world, start, PUSHES[flavour])
        measure_stalls(world, start, PUSHES[flavour])
        time.sleep(SETTLE_SECONDS)
        start.settled_mib = world.rss_mib()
    return start


def measure_changes(world, start, pushes):
    """CPU of an endpoint that changes, without what the proxy does anyway."""
    quiet, begun = world.cpu_ms(), time.monotonic()
    time.sleep(1)
    idle = (world.cpu_ms() - quiet) / (time.monotonic() - begun)
    before, worker, begun = world.cpu_ms(), world.worker_ms(), time.monotonic()
    taken = []
    for _ in range(pushes):
        taken.append(world.peer.tell("push")["taken_ns"] / 1e6)
        time.sleep(0.01)
    time.sleep(0.2)
    passed = time.monotonic() - begun
    start.taken_ms = _median(taken)
    start.change_cpu_ms = max(0.0, world.cpu_ms() - before - idle * passed) / pushes
    start.change_worker_ms = (world.worker_ms() - worker) / pushes


def measure_stalls(world, start, pushes):
    """The longest answer to a request every millisecond, to a listener that nothing changes."""
    world.use_both_cores()
    world.peer.tell("steady")
    time.sleep(0.2)
    world.peer.tell("figures")
    time.sleep(STEADY_SECONDS)
    start.quiet_ms = world.peer.tell("figures")["longest_ns"] / 1e6
    for _ in range(pushes):
        world.peer.tell("push")
        time.sleep(0.02)
    figures = world.peer.tell("figures")
    start.stall_ms = figures["longest_ns"] / 1e6
    if figures["failed"]:
        raise process.Failure(f"{figures['failed']} requests of the steady stream failed")


def measure_churn(binary, options, flavour):
    """Memory when all clusters have come and gone: {"empty", "full", "again", "after"} in MiB."""
    with World(binary, options, CHURN_SHAPE, flavour, False) as world:
        world.peer.tell("clear")
        time.sleep(1)
        memory = {"empty": world.rss_mib()}
        for turn in range(CHURNS):
            world.peer.tell("fill")
            time.sleep(1)
            memory.setdefault("full", world.rss_mib())
            memory["again"] = world.rss_mib()
            world.peer.tell("clear")
            time.sleep(1)
            memory.setdefault("once", world.rss_mib())
            print(f"    churn {turn + 1}: {memory['again']:.0f}, {world.rss_mib():.0f} MiB",
                  flush=True)
        time.sleep(SETTLE_SECONDS)
        memory["after"] = world.rss_mib()
    return memory


def run(options):
    """All of it; {(shape, flavour, subject): [Start]}, {(flavour, subject): memory}."""
    starts, churns = {}, {}
    for shape in options.shapes.split(","):
        for flavour in options.flavours.split(","):
            for _ in range(options.rounds):
                for name, binary in options.subjects.items():
                    start = measure_start(binary, options, shape, flavour)
                    starts.setdefault((shape, flavour, name), []).append(start)
                    figures = ", ".join(f"{field} {value:.2f}" for field, value in
                                        dataclasses.asdict(start).items())
                    print(f"{shape} {flavour} {name}: {figures}", flush=True)
            if shape == CHURN_SHAPE and options.churn:
                for name, binary in options.subjects.items():
                    churns[flavour, name] = measure_churn(binary, options, flavour)
                    print(f"churn {flavour} {name}: {churns[flavour, name]}", flush=True)
    return starts, churns


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--remora", required=True)
    parser.add_argument("--peer", required=True, help="scale_peer, built by Bazel")
    parser.add_argument("--envoy", default=shutil.which("envoy"))
    parser.add_argument("--only-remora", action="store_true")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--flavours", default=",".join(FLAVOURS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-churn", dest="churn", action="store_false")
    parser.add_argument("--out", help="folder for scale.md; docs/performance when all is measured")
    parser.add_argument("--note", default="", help="a sentence about the run, for the page")
    options = parser.parse_args()
    options.subjects = {"remora": os.path.abspath(options.remora)}
    if options.envoy and not options.only_remora:
        options.subjects["envoy"] = os.path.abspath(options.envoy)
    try:
        starts, churns = run(options)
    except process.Failure as failure:
        print(f"scale: {failure}", file=sys.stderr)
        return 1
    finally:
        process.stop_all()
    if options.out:
        scale_report.write(os.path.join(options.out, "scale.md"), SHAPES, starts, churns,
                           options.note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
