"""What clusters of a source cost: to take, to find unchanged, to keep.

The source is a file in binary, which is read as a control plane's answer is; moving another one in
its place is an update. Nobody asks the process anything while it is counted: it is done when it has
used no CPU for a while.
"""

import json
import os
import time

import counts
import process

_CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
# On a machine with much else to do it may wait long for its turn.
_LOOK_SECONDS = 0.1
_STILL = 5
_LONGEST_SECONDS = 120
CLUSTERS = 500
KEPT_CLUSTERS = 4000


def _varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number, value):
    """A field of a message: a number, or bytes."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _cluster(index):
    """STATIC, a connect timeout of a second, three endpoints on 127.0.0.1."""
    name = f"service-{index:05d}".encode()
    endpoints = b""
    for port in (8081, 8082, 8083):
        socket_address = _field(2, b"127.0.0.1") + _field(3, port)
        address = _field(1, socket_address)
        endpoints += _field(2, _field(1, _field(1, address)))
    assignment = _field(1, name) + _field(2, endpoints)
    return _field(1, name) + _field(4, _field(1, 1)) + _field(33, assignment)


class Source:
    """A server whose clusters come from a file, of which there is always a whole one."""

    def __init__(self, binary, folder, flush_interval, prefix=()):
        os.makedirs(folder)
        self._folder = folder
        self._path = self.file("clusters.pb")
        self._version = 0
        self.count = 0
        self._write(self._path, 1)
        admin_port, = process.free_ports(1)
        config = self.file("bootstrap.json")
        with open(config, "w", encoding="utf-8") as out:
            json.dump({
                "node": {"id": "budgets", "cluster": "budgets"},
                "stats_flush_interval": flush_interval,
                "admin": {"address": {"socket_address": {
                    "address": "127.0.0.1", "port_value": admin_port}}},
                "dynamic_resources": {"cds_config": {"path_config_source": {
                    "path": self._path}}}}, out)
        self.process = process.Process(
            [*prefix, binary, "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l",
             "error"], max(os.sched_getaffinity(0)), self.file("log"), cwd=folder)
        process.wait_for_200(self.process, admin_port, "/ready", timeout=120)
        self.wait()

    def file(self, name):
        return os.path.join(self._folder, name)

    def _write(self, path, count):
        self._version += 1
        self.count = count
        response = _field(1, str(self._version).encode())
        for index in range(count):
            response += _field(2, _field(1, _CLUSTER.encode()) + _field(2, _cluster(index)))
        with open(path, "wb") as out:
            out.write(response)

    def push(self, count):
        """So many clusters from now on; those that there were are as they were."""
        self._write(self.file("next.pb"), count)
        before = self.process.scheduled_ns()[0]
        os.rename(self.file("next.pb"), self._path)
        self.wait(before)

    def wait(self, before=0):
        """Until it has used more CPU than that, and then none for a while."""
        deadline = time.monotonic() + _LONGEST_SECONDS
        used, still = before, 0
        while time.monotonic() < deadline:
            last, used = used, self.process.scheduled_ns()[0]
            still = still + 1 if used == last and used > before else 0
            if still == _STILL:
                return
            time.sleep(_LOOK_SECONDS)
        raise process.Failure("it does not come to rest" + self.process.log_tail())


def _counted(binary, folder):
    """A server of its own under callgrind, whose counts begin with it."""
    source = Source(binary, folder, "299s", (
        "valgrind", "--tool=callgrind", "--instr-atstart=yes",
        f"--callgrind-out-file={folder}/callgrind"))
    source.push(CLUSTERS)
    return source


def measure(binary, folder):
    """{figure: value}"""
    values = {}
    source = _counted(binary, os.path.join(folder, "discovery-unchanged"))

    def again(times):
        for _ in range(times):
            source.push(source.count)
    found = counts.instructions(source, again, 2)
    values["discovery.unchanged_instructions"] = found["instructions"] / CLUSTERS
    source.process.stop()

    # Each is there already when the next ones come: one unchanged is in it.
    source = _counted(binary, os.path.join(folder, "discovery-new"))
    found = counts.instructions(source, lambda more: source.push(source.count + more), CLUSTERS)
    values["discovery.cluster_instructions"] = found["instructions"]
    source.process.stop()

    source = Source(binary, os.path.join(folder, "discovery-memory"), "1s")
    before = source.process.memory_kib()["anon"]
    source.push(KEPT_CLUSTERS)
    time.sleep(2.5)  # what an update leaves behind is given back with a flush
    values["discovery.cluster_bytes"] = (
        (source.process.memory_kib()["anon"] - before) * 1024 / KEPT_CLUSTERS)
    source.process.stop()
    return values
