#!/usr/bin/env python3
"""A minute of everything at once: load, aborts, retries, drains, log rotation.

At the end: no well-behaved client saw an error, every request is in the log, memory and descriptors
did not grow. See README.md.
"""

import argparse
import asyncio
import glob
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "hostile"))

import peers       # pylint: disable=wrong-import-position
import subject     # pylint: disable=wrong-import-position

# Memory and descriptors may lean upwards by so much a minute, and be called flat.
KIB_A_MINUTE = 1024
DESCRIPTORS_A_MINUTE = 10
WARM_UP = 0.3          # Of the time: pools fill.
CLIENTS = 8

_RETRY = "retry_policy: { retry_on: '5xx,reset', num_retries: 12 }"
_LOG = """\
access_log:
- name: envoy.access_loggers.file
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: {folder}/access.log"""


class Failure(Exception):
    """What was expected did not happen."""


def _config(folder, ports, features):
    hcm = ["stream_idle_timeout: 5s", "common_http_protocol_options: { idle_timeout: 5s }"]
    if "drain" in features:
        hcm.append("drain_timeout: 0.2s")
    if "log" in features:
        hcm += _LOG.format(folder=folder).splitlines()
    config = subject.CONFIG.format(hcm=subject.settings(*hcm), origin=ports[0], other=ports[1],
                                   address=subject.TCP)
    if "retry" in features:
        config = config.replace("cluster: origin, timeout: 30s", "cluster: origin, timeout: 30s, "
                                + _RETRY)
        # Several clients try again at once.
        config = config.replace("    per_connection_buffer_limit_bytes: 32768\n    load_assignment",
                                "    per_connection_buffer_limit_bytes: 32768\n"
                                "    circuit_breakers: { thresholds: [ { max_retries: 100 } ] }\n"
                                "    load_assignment")
    return config


class Soak:
    """The load, and what it saw."""

    def __init__(self, proxy, seconds, features, folder):
        self.proxy = proxy
        self.features = features
        self.folder = folder
        self.answered = 0
        self.wrong = []
        self.aborted = 0
        self.reconnects = 0
        self.rotations = 0
        self.samples = []            # (seconds, KiB, descriptors)
        self._begun = time.monotonic()
        self._end = self._begun + seconds

    def _running(self):
        return time.monotonic() < self._end

    async def client(self, number):
        """Requests on a kept connection; one that the proxy announced to end is replaced."""
        paths = [b"/ok", b"/work", b"/work"]
        # An origin that ends connections breaks requests that may not be repeated unasked.
        paths += [b"/flaky", b"/close"] if "retry" in self.features and number % 2 else []
        reader, writer = await peers.connect(self.proxy.port)
        while self._running():
            path = random.choice(paths)
            body = b"x" * random.choice([0, 0, 10, 5000])
            writer.write(b"POST %s HTTP/1.1\r\nHost: soak\r\nContent-Length: %d\r\n\r\n%s"
                         % (path, len(body), body))
            status, closing = await _answer(reader)
            if status == 200:
                self.answered += 1
            else:
                self.wrong.append((path, status))
            if closing or status == 0:
                writer.close()
                self.reconnects += 1
                reader, writer = await peers.connect(self.proxy.port)
        writer.close()

    async def aborter(self):
        """Connections that end by RST at any moment."""
        beginnings = [b"", b"GET / HT", b"POST /work HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na",
                      b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /work HTTP/1.1\r\nHost: a\r\n\r\n",
                      b"nonsense\r\n\r\n"]
        while self._running():
            _, writer = await peers.connect(self.proxy.port)
            writer.write(random.choice(beginnings))
            await asyncio.sleep(random.random() * 0.05)
            peers.reset(writer)
            self.aborted += 1

    async def drains(self):
        """The health check fails for a while: connections are asked to end, and come back."""
        while self._running():
            await self._sleep(4)
            await asyncio.to_thread(self.proxy.admin, "/healthcheck/fail", True)
            await self._sleep(1)
            await asyncio.to_thread(self.proxy.admin, "/healthcheck/ok", True)

    async def rotation(self):
        path = os.path.join(self.folder, "access.log")
        while self._running():
            await self._sleep(3)
            os.rename(path, f"{path}.{self.rotations}")
            self.rotations += 1
            self.proxy.signal(signal.SIGUSR1)
            for _ in range(100):
                if os.path.exists(path):
                    break
                await asyncio.sleep(0.05)
            else:
                raise Failure("the log was not opened again after SIGUSR1")

    async def _sleep(self, seconds):
        await asyncio.sleep(max(0, min(seconds, self._end - time.monotonic())))

    async def measure(self):
        while self._running():
            self.proxy.check_alive()
            self.samples.append((time.monotonic() - self._begun, self.proxy.memory_kib(),
                                 self.proxy.descriptors()))
            await asyncio.sleep(0.5)

    async def run(self):
        tasks = [self.client(number) for number in range(CLIENTS)]
        tasks += [self.aborter(), self.aborter(), self.measure()]
        if "drain" in self.features:
            tasks.append(self.drains())
        if "log" in self.features:
            tasks.append(self.rotation())
        await asyncio.gather(*tasks)


async def _answer(reader):
    """(status, whether the connection ends): 0 when it ended without an answer."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = 0
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length: "):
                length = int(line[16:])
        await reader.readexactly(length)
        return int(head.split(b" ", 2)[1]), b"\r\nconnection: close" in head
    except (OSError, asyncio.IncompleteReadError):
        return 0, True


def slope(points):
    """Least squares: growth a minute of [(seconds, value)]."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 60 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def _judge(soak, seconds):
    """What is wrong, as a list of lines."""
    problems = []
    if soak.wrong:
        problems.append(f"{len(soak.wrong)} requests were not answered with 200: {soak.wrong[:5]}")
    if soak.answered < 100:
        problems.append(f"only {soak.answered} requests were answered")
    settled = [sample for sample in soak.samples if sample[0] > WARM_UP * seconds]
    memory = slope([(x, kib) for x, kib, _ in settled])
    descriptors = slope([(x, count) for x, _, count in settled])
    # A short run has few samples: its slope says less.
    factor = max(1.0, 60 / seconds)
    print(f"soak: {soak.answered} answered, {soak.aborted} aborted, {soak.reconnects} connections "
          f"replaced, {soak.rotations} log rotations")
    print(f"soak: memory {settled[0][1]} to {settled[-1][1]} KiB, slope {memory:+.0f} KiB a minute; "
          f"descriptors {settled[0][2]} to {settled[-1][2]}, slope {descriptors:+.1f} a minute")
    if memory > KIB_A_MINUTE * factor:
        problems.append(f"memory grows by {memory:.0f} KiB a minute")
    if descriptors > DESCRIPTORS_A_MINUTE * factor:
        problems.append(f"descriptors grow by {descriptors:.1f} a minute")
    return problems


async def _ends_clean(soak):
    """After the load everything is let go; drained, the process ends with 0."""
    problems = []
    wanted = ("http.main.downstream_cx_active", "http.main.downstream_rq_active",
              "cluster.origin.upstream_rq_active", "cluster.origin.upstream_rq_pending_active")
    for _ in range(100):
        stats = soak.proxy.stats()
        left = {name: stats[name] for name in wanted if stats[name]}
        if not left:
            break
        await asyncio.sleep(0.1)
    else:
        problems.append(f"left after the load: {left}")
    total = stats["http.main.downstream_rq_total"] + ("sigterm" in soak.features)
    if "drain_listeners" in soak.features and "sigterm" not in soak.features:
        soak.proxy.admin("/drain_listeners", True)
        try:
            await peers.connect(soak.proxy.port)
            problems.append("drain_listeners left the listener open")
        except OSError:
            pass
    if "sigterm" in soak.features:
        problems += await _ends_by_sigterm(soak)
    status = soak.proxy.stop()
    if status != 0:
        problems.append(f"the proxy ended with {status}: {soak.proxy.log()}")
    if "log" in soak.features:
        lines = 0
        for path in glob.glob(os.path.join(soak.folder, "access.log*")):
            with open(path, "rb") as log:
                lines += sum(1 for _ in log)
        print(f"soak: {lines} log lines for {total} requests")
        if not total <= lines <= total + soak.aborted:
            problems.append(f"{lines} log lines for {total} requests")
    return problems


async def _ends_by_sigterm(soak):
    """What is in flight at SIGTERM is finished, and its connection ends."""
    reader, writer = await peers.connect(soak.proxy.port)
    writer.write(b"GET /pause HTTP/1.1\r\nHost: soak\r\n\r\n")
    await asyncio.sleep(0.2)
    soak.proxy.signal(signal.SIGTERM)
    answer = await _answer(reader)
    writer.close()
    # Its end is waited for: a second SIGTERM would not drain.
    await asyncio.to_thread(soak.proxy.wait)
    return [] if answer == (200, True) else [f"at SIGTERM a request got {answer}"]


def _features(binary, folder):
    """What this build can do: parts of the load depend on it."""
    found = [name for name in ("drain", "log", "retry")
             if subject.accepts(binary, folder, _config(folder, (1, 1), [name]))]
    usage = subprocess.run([binary, "--help"], capture_output=True, text=True, check=False).stdout
    return found + (["sigterm"] if "--drain-on-sigterm-s" in usage else [])


def _has(proxy, path):
    return path in proxy.admin("/help")


async def _run(arguments, folder):
    origin = subprocess.Popen([sys.executable, os.path.join(HERE, "..", "hostile", "peers.py")],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port = int(await asyncio.to_thread(origin.stdout.readline))
    features = _features(arguments.remora, folder)
    config = _config(folder, (port, port), features)
    flags = ["--drain-on-sigterm-s", "10"] if "sigterm" in features else []
    with subject.Subject(arguments.remora, folder, config, flags=flags) as proxy:
        if not _has(proxy, "/healthcheck/fail"):
            features = [name for name in features if name != "drain"]
        if _has(proxy, "/drain_listeners"):
            features.append("drain_listeners")
        missing = {"drain", "log", "retry", "drain_listeners", "sigterm"} - set(features)
        print(f"soak: {arguments.seconds:.0f} s with {', '.join(features) or 'plain load'}"
              + (f"; not in this build: {', '.join(sorted(missing))}" if missing else ""), flush=True)
        soak = Soak(proxy, arguments.seconds, features, folder)
        await soak.run()
        problems = _judge(soak, arguments.seconds) + await _ends_clean(soak)
    origin.stdin.close()
    origin.wait(5)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--remora", required=True, help="the binary under test")
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    arguments.remora = os.path.abspath(arguments.remora)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    with tempfile.TemporaryDirectory(prefix="remora-soak-") as folder:
        try:
            problems = asyncio.run(_run(arguments, folder))
        except (Failure, subject.Failure, OSError) as error:
            problems = [str(error)]
    for problem in problems:
        print("FAILED  " + problem)
    print("soak: " + ("FAILED" if problems else "passed"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
