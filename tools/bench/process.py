"""Processes of the benchmark: started pinned to one core, frozen while idle, measured by /proc.

Every process is a child of this one and is ended by its own id; a child dies with this process
even when this process is killed. Linux only.
"""

import ctypes
import os
import resource
import signal
import socket
import struct
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

_running = []
_given_ports = set()


class Failure(Exception):
    """The benchmark cannot go on; the text is for the person who runs it."""


def cores():
    """The core of load and origin, and the core of the proxy."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Failure("two cores are needed: one for load and origin, one for the proxy")
    return allowed[0], allowed[1]


def raise_file_limit(wanted=65536):
    """Raises the limit of open files as far as allowed; returns what is in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in ((wanted, max(wanted, hard)), (min(wanted, hard), hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            return limit[0]
        except (ValueError, OSError):
            continue
    return soft


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on, below the range of outgoing connections."""
    ports, held = [], []
    for port in range(21000 + os.getpid() % 4000, 32000):
        if port in _given_ports:
            continue
        probe = socket.socket()
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.close()
            continue
        held.append(probe)
        ports.append(port)
        if len(ports) == count:
            break
    for probe in held:
        probe.close()
    if len(ports) < count:
        raise Failure("no free ports between 21000 and 32000")
    _given_ports.update(ports)
    return ports


def _stat_fields(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()


def _pin_and_bind_to_parent(core):
    os.sched_setaffinity(0, {core})
    # SIGTERM and not SIGKILL: a master that has workers ends them too. A frozen child gets it as
    # well: its process group is orphaned when this process ends, and the kernel then thaws it.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """One child and all its descendants."""

    def __init__(self, argv, core, log_path, cwd=None, stdin=None, stdout=None, env=None):
        self.argv = argv
        self.log_path = log_path
        self._frozen = False
        read_end, write_end = os.pipe()

        def before_exec():
            _pin_and_bind_to_parent(core)
            os.write(write_end, struct.pack("q", time.monotonic_ns()))

        with open(log_path, "ab") as log:
            try:
                self.popen = subprocess.Popen(
                    argv, cwd=cwd, stdin=stdin or subprocess.DEVNULL, stdout=stdout or log,
                    stderr=log, env=env, preexec_fn=before_exec, process_group=0)
                self.exec_ns = struct.unpack("q", os.read(read_end, 8))[0]
            except OSError as error:
                raise Failure(f"cannot start {argv[0]}: {error}") from error
            finally:
                os.close(read_end)
                os.close(write_end)
        _running.append(self)

    def pids(self):
        """This child and its descendants."""
        parents = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    parents.setdefault(int(_stat_fields(name)[1]), []).append(int(name))
                except (OSError, IndexError):
                    continue
        found, queue = [], [self.popen.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            queue.extend(parents.get(pid, []))
        return found

    def executable(self):
        """The program that serves, when the command was a script that started it."""
        return os.path.realpath(f"/proc/{self.pids()[-1]}/exe")

    def check_alive(self):
        if self.popen.poll() is not None:
            raise Failure(f"{' '.join(self.argv)} ended with {self.popen.returncode}:\n"
                          + self.log_tail())

    def log_tail(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-20:])

    def scheduled_ns(self):
        """(ns on the CPU, ns ready but waiting for it), all threads."""
        ran = waited = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                try:
                    with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as stat:
                        fields = stat.read().split()
                except OSError:
                    continue
                ran += int(fields[0])
                waited += int(fields[1])
        return ran, waited

    def memory_kib(self):
        """{"pss", "rss", "anon"} of the whole tree, KiB."""
        total = {"pss": 0, "rss": 0, "anon": 0}
        for pid in self.pids():
            names = {"Pss:": "pss", "Rss:": "rss", "RssAnon:": "anon"}
            for source in ("smaps_rollup", "status"):
                with open(f"/proc/{pid}/{source}", encoding="ascii", errors="replace") as lines:
                    for line in lines:
                        key = names.get(line.split(None, 1)[0])
                        if key:
                            total[key] += int(line.split()[1])
        return total

    def freeze(self):
        self._frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._frozen = False
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def stop(self):
        """Ends the tree: SIGTERM to the root, SIGKILL to what is left after three seconds."""
        if self in _running:
            _running.remove(self)
        if self.popen.stdin:
            self.popen.stdin.close()
        members = []
        if self.popen.poll() is None:
            if self._frozen:
                self.thaw()
            members = [(pid, _start_time(pid)) for pid in self.pids()]
            self.popen.terminate()
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for pid, started in members:
            # Not a stranger that got the number since.
            if started is not None and _start_time(pid) == started:
                os.kill(pid, signal.SIGKILL)
        if self.popen.stdout:
            self.popen.stdout.close()


def _start_time(pid):
    try:
        return _stat_fields(pid)[19]
    except (OSError, IndexError):
        return None


def stolen_ns(core):
    """Time that the hypervisor took from a core."""
    with open("/proc/stat", encoding="ascii") as stat:
        for line in stat:
            fields = line.split()
            if fields[0] == f"cpu{core}":
                return int(fields[8]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return 0


def stop_all():
    for process in list(reversed(_running)):
        process.stop()


def wait_for_200(process, port, path="/b0", timeout=30):
    """Asks until the answer is 200; returns the monotonic time of it in ns."""
    deadline = time.monotonic() + timeout
    request = (f"GET {path} HTTP/1.1\r\nHost: bench.example.com\r\n"
               "Connection: close\r\n\r\n").encode()
    answer = b""
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(request)
                answer = connection.recv(4096)
                if answer.startswith(b"HTTP/1.1 200"):
                    return time.monotonic_ns()
        except OSError:
            pass
        process.check_alive()
        time.sleep(0.0002)
    raise Failure(f"{' '.join(process.argv)} gave no 200 for {path} within {timeout} s; last "
                  f"answer {answer[:80]!r}\n" + process.log_tail())


def wait_until_open(process, port, _path, timeout=30):
    """Connects until it is let; returns the monotonic time of it in ns."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return time.monotonic_ns()
        except OSError:
            pass
        process.check_alive()
        time.sleep(0.0002)
    raise Failure(f"{' '.join(process.argv)} does not listen after {timeout} s\n"
                  + process.log_tail())


def wait_for_http2(process, url, core, timeout=30):
    """The same over HTTP/2, with TLS or without."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        process.check_alive()
        try:
            if "1 2xx" in run_tool(["h2load", "-n", "1", "-c", "1", url], core, 10, "finished in"):
                return time.monotonic_ns()
        except Failure:
            pass
        time.sleep(0.02)
    raise Failure(f"{' '.join(process.argv)} does not answer {url} within {timeout} s\n"
                  + process.log_tail())


def run_tool(argv, core, timeout, sign="{"):
    """Runs a load tool on its core; returns its standard output, which has `sign` in it."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False,
                              preexec_fn=lambda: _pin_and_bind_to_parent(core))
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{' '.join(argv)} did not end within {timeout} s") from error
    if sign not in done.stdout:
        raise Failure(f"{' '.join(argv)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
