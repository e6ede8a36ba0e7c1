"""The proxy under test as a process: its configuration, statistics, memory, CPU and descriptors."""

import ctypes
import os
import re
import resource
import signal
import subprocess
import time
import urllib.request

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What was expected did not happen."""


CONFIG = """\
admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
static_resources:
  listeners:
  - name: main
    stat_prefix: main
    address: {address}
    per_connection_buffer_limit_bytes: 32768
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
{hcm}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {{ match: {{ prefix: /ok }}, route: {{ cluster: neighbours }} }}
              - {{ match: {{ prefix: / }}, route: {{ cluster: origin, timeout: 30s }} }}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: origin
    type: STATIC
    connect_timeout: 1s
    per_connection_buffer_limit_bytes: 32768
    load_assignment:
      cluster_name: origin
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {origin} }} }} }}
  - name: neighbours
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: neighbours
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {other} }} }} }}
"""
TCP = "{ socket_address: { address: 127.0.0.1, port_value: 0 } }"


def settings(*lines):
    """Fields of the connection manager, indented for CONFIG."""
    return "\n".join(" " * 10 + line for line in lines)


class Subject:
    """A Remora process; use as `with Subject(...) as subject`."""

    def __init__(self, binary, folder, config, max_files=4096, flags=()):
        self.binary = binary
        self.folder = folder
        self.config = config
        self.port = 0
        self._max_files = max_files
        self._flags = list(flags)
        self._admin = ""
        self._process = None

    @property
    def pid(self):
        return self._process.pid

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, "bootstrap.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(self.config)
        address_file = os.path.join(self.folder, "admin")
        log = os.path.join(self.folder, "log")

        def limits():
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._max_files, self._max_files))

        self._process = subprocess.Popen(
            [self.binary, "-c", path, "--concurrency", "1", "-l", "warning", "--log-path", log,
             "--admin-address-path", address_file] + self._flags,
            stdin=subprocess.DEVNULL, preexec_fn=limits)
        deadline = time.monotonic() + 30
        while not self._ready(address_file):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"the proxy did not start:\n{self.log()}")
            time.sleep(0.02)
        found = re.search(r"main::127\.0\.0\.1:(\d+)", self.admin("/listeners"))
        self.port = int(found[1]) if found else 0
        return self

    def __exit__(self, *_):
        self.stop()

    def _ready(self, address_file):
        try:
            with open(address_file, encoding="utf-8") as file:
                self._admin = file.read().strip()
            return self.admin("/ready").strip() == "LIVE"
        except OSError:
            return False

    def stop(self):
        """SIGTERM; returns the exit status."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._process.returncode

    def wait(self):
        """Waits for an end that was asked for."""
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            pass

    def signal(self, number):
        os.kill(self.pid, number)

    def admin(self, path, post=False):
        request = urllib.request.Request(f"http://{self._admin}{path}",
                                         method="POST" if post else "GET")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def stats(self):
        """{name: value} of counters and gauges."""
        lines = re.findall(r"^(\S+): (\d+)$", self.admin("/stats"), re.MULTILINE)
        return {name: int(value) for name, value in lines}

    def log(self):
        try:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                return "".join(log.readlines()[-20:])
        except OSError:
            return ""

    def memory_kib(self):
        """Memory of its own (anonymous), KiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            return int(re.search(r"RssAnon:\s+(\d+)", status.read())[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def check_alive(self):
        if self._process.poll() is not None:
            raise Failure(f"the proxy ended with {self._process.returncode}:\n{self.log()}")


def accepts(binary, folder, config):
    """Whether the binary takes a configuration: not every field is in every version."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "probe.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(config)
    done = subprocess.run([binary, "-c", path, "--mode", "validate"], capture_output=True,
                          timeout=30, check=False)
    return done.returncode == 0
