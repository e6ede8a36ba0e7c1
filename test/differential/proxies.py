"""The two proxies: a process of each for a group, asked over its admin interface."""

import ctypes
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """The suite cannot go on; the text is for the person who runs it."""


def _die_with_parent():
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Proxy:
    """`kind` is remora or envoy; both take the same flags."""

    def __init__(self, kind, binary, folder):
        self.kind = kind
        self.folder = os.path.join(folder, kind)
        self.ports = {}              # Listener name -> port.
        self._binary = binary
        self._config = os.path.join(self.folder, "bootstrap.yaml")
        self._admin = ""
        self._process = None
        os.makedirs(self.folder, exist_ok=True)

    def _write(self, yaml):
        with open(self._config, "w", encoding="utf-8") as out:
            out.write(yaml)

    def _flags(self):
        flags = [self._binary, "-c", self._config, "--concurrency", "1", "--disable-hot-restart",
                 "-l", "warning"]
        return flags

    def refuses(self, yaml):
        """Why the bootstrap is refused, or ""."""
        self._write(yaml)
        done = subprocess.run(self._flags() + ["--mode", "validate"], capture_output=True,
                              text=True, errors="replace", timeout=60, check=False)
        if done.returncode == 0:
            return ""
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        wrong = [line for line in lines if "rror" in line or "critical" in line]
        wrong = wrong or [line for line in lines if "warning" not in line]
        return " / ".join(line.replace(self._config + ":", "line ") for line in wrong[-3:])[-600:]

    def start(self, yaml, live=True):
        """Until it serves; without `live`, until its admin interface does."""
        self._write(yaml)
        address_file = os.path.join(self.folder, "admin")
        if os.path.exists(address_file):
            os.unlink(address_file)
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self._process = subprocess.Popen(
                self._flags() + ["--admin-address-path", address_file,
                                 "--file-flush-interval-msec", "200"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent)
        deadline = time.monotonic() + 60
        while not self._is_ready(address_file, live):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"{self.kind} did not start:\n{self.log_tail()}")
            time.sleep(0.02)
        for listener in json.loads(
                self.admin("/listeners?format=json")).get("listener_statuses", []):
            port = listener["local_address"]["socket_address"]["port_value"]
            self.ports[listener["name"]] = port

    def _is_ready(self, address_file, live):
        try:
            with open(address_file, encoding="utf-8") as file:
                self._admin = file.read().strip()
            if not live:
                return bool(self._admin) and bool(self.admin("/server_info"))
            return bool(self._admin) and self.admin("/ready").strip() == "LIVE"
        except OSError:
            return False

    def admin(self, path):
        with urllib.request.urlopen(f"http://{self._admin}{path}", timeout=30) as answer:
            return answer.read().decode()

    def counters(self):
        """{name: value} of all counters and gauges."""
        values = {}
        for line in self.admin("/stats").splitlines():
            found = re.match(r"(\S.*): (\d+)$", line)
            if found:
                values[found[1]] = int(found[2])
        return values

    def is_alive(self):
        return self._process.poll() is None

    def log_tail(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-20:])

    def stop(self):
        """Ends the process; its exit status."""
        if not self._process:
            return 0
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._process.returncode
