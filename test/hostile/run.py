#!/usr/bin/env python3
"""Peers that cost much and give little: slow, silent, aborting, too many. Loopback only.

Throughout, everybody else must be served, memory and CPU stay bounded, descriptors come back, and
each limit moves its statistic. What is asserted are counts and sizes, no times. See README.md.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time

import peers
import subject

HERE = os.path.dirname(os.path.abspath(__file__))
MANY = 300
# A peer's bytes may cost a hundred times as much; less than this a connection is not worth counting.
KIB_A_CONNECTION = 32


def expect(condition, text):
    if not condition:
        raise subject.Failure(text)


class World:
    """What a test gets: the proxy, and what the build under test can do."""

    def __init__(self, proxy, target, timeouts):
        self.proxy = proxy
        self.target = target
        self.has_request_timeouts = timeouts

    async def until(self, condition, what, seconds=20):
        """Waits until the statistics say so."""
        deadline = time.monotonic() + seconds
        stats = {}
        while time.monotonic() < deadline:
            self.proxy.check_alive()
            try:
                stats = await asyncio.to_thread(self.proxy.stats)
            except OSError:
                stats = {}           # No descriptor for the admin interface.
            if stats and condition(stats):
                return stats
            await asyncio.sleep(0.1)
        shown = {name: value for name, value in stats.items()
                 if value and name.startswith(("http.main", "cluster.origin"))}
        raise subject.Failure(f"not within {seconds} s: {what}; {shown}")

    async def watched(self, peers_at_work, connections):
        """Runs hostile peers beside a neighbour, and checks what they may cost."""
        before = self.proxy.memory_kib()
        begun, cpu = time.monotonic(), self.proxy.cpu_seconds()
        async with peers.Neighbour(self.target) as neighbour:
            await asyncio.sleep(0.2)
            peak = await self._peak_memory(peers_at_work)
        took, used = time.monotonic() - begun, self.proxy.cpu_seconds() - cpu
        expect(not neighbour.failed, f"the neighbour got {neighbour.failed[:5]}")
        expect(neighbour.served >= 10, f"the neighbour was served {neighbour.served} times only")
        allowed = connections * KIB_A_CONNECTION + 4096
        expect(peak - before <= allowed,
               f"{peak - before} KiB more memory for {connections} connections")
        # A loop that spins uses all of a core.
        expect(used < 0.6 * took + 0.5, f"{used:.1f} s of CPU in {took:.1f} s")
        return (f"{neighbour.served} others served, {max(0, peak - before)} KiB, "
                f"{used:.1f} s of CPU in {took:.1f} s")

    async def _peak_memory(self, work):
        task = asyncio.ensure_future(work)
        peak = 0
        while not task.done():
            peak = max(peak, self.proxy.memory_kib())
            await asyncio.wait([task], timeout=0.1)
        await task
        return peak


async def _trickle(world, head, end):
    """Sends a head, then a byte each 100 ms until the proxy ends it; what it answered."""
    reader, writer = await peers.connect(world.target)
    writer.write(head)
    answer = asyncio.ensure_future(peers.status_of(reader))
    while not answer.done() and not end.is_set():
        try:
            writer.write(b"x")
            await writer.drain()
        except OSError:
            break
        await asyncio.wait([answer], timeout=0.1)
    if not answer.done():
        await asyncio.wait([answer], timeout=1)
    answer.cancel()
    writer.close()
    return answer.result() if answer.done() and not answer.cancelled() else 0


async def _trickles(world, head, statistic):
    """`MANY` slow requests; each must be ended by the proxy with 408."""
    before = world.proxy.stats().get(statistic, 0)
    end = asyncio.Event()
    tasks = [asyncio.create_task(_trickle(world, head, end)) for _ in range(MANY)]
    try:
        await world.until(lambda now: now.get(statistic, 0) - before >= MANY,
                          f"{statistic} counts {MANY}")
    finally:
        end.set()
        statuses = await asyncio.gather(*tasks)
    # Bytes that arrive behind the answer may reset the connection before the client read it.
    expect(set(statuses) <= {408, 0} and 408 in statuses, f"statuses {set(statuses)}")


async def slow_heads(world):
    if not world.has_request_timeouts:
        return "SKIPPED: this build has no request_headers_timeout"
    work = _trickles(world, b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
                     "http.main.downstream_rq_header_timeout")
    return await world.watched(work, MANY)


async def slow_bodies(world):
    if not world.has_request_timeouts:
        return "SKIPPED: this build has no request_timeout"
    work = _trickles(world, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
                     "http.main.downstream_rq_timeout")
    return await world.watched(work, 2 * MANY)


async def silent_bodies(world):
    """A body that stops: the stream's idle timeout."""
    statistic = "http.main.downstream_rq_idle_timeout"

    async def work():
        before = world.proxy.stats()[statistic]
        connections = [await peers.connect(world.target) for _ in range(MANY)]
        for _, writer in connections:
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        await world.until(lambda now: now[statistic] - before >= MANY, f"{statistic} {MANY}")
        statuses = await asyncio.gather(*(peers.status_of(reader) for reader, _ in connections))
        expect(set(statuses) == {408}, f"statuses {set(statuses)}")
        for _, writer in connections:
            writer.close()
    return await world.watched(work(), 2 * MANY)


async def never_reads(world):
    """Large answers that nobody takes: back-pressure, then the idle timeout."""
    count = 40
    statistic = "http.main.downstream_rq_idle_timeout"

    async def work():
        before = world.proxy.stats()
        connections = [await peers.connect(world.target, receive_buffer=4096)
                       for _ in range(count)]
        for _, writer in connections:
            writer.write(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        paused = "cluster.origin.upstream_flow_control_paused_reading_total"
        await world.until(lambda now: now[paused] - before[paused] >= count, f"{paused} {count}")
        await world.until(lambda now: now[statistic] - before[statistic] >= count,
                          f"{statistic} {count}")
        for _, writer in connections:
            writer.close()
    # 32 KiB each way and what one read brings: eight times the others' allowance.
    return await world.watched(work(), 8 * count)


async def idle_connections(world):
    statistic = "http.main.downstream_cx_idle_timeout"

    async def work():
        before = world.proxy.stats()[statistic]
        connections = [await peers.connect(world.target) for _ in range(MANY)]
        await world.until(lambda now: now[statistic] - before >= MANY, f"{statistic} {MANY}")
        for _, writer in connections:
            writer.close()
    return await world.watched(work(), MANY)


_ABORTS = [
    b"",
    b"GET / HT",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n",
]


async def aborts(world):
    """500 connections that end by RST: in the line, the head, the body, before and in the answer."""
    async def one(number):
        _, writer = await peers.connect(world.target)
        writer.write(_ABORTS[number % len(_ABORTS)])
        await asyncio.sleep(0.002 * (number % 50))
        peers.reset(writer)

    async def work():
        before = world.proxy.stats()["http.main.downstream_cx_total"]
        for at in range(0, 500, 50):
            await asyncio.gather(*(one(number) for number in range(at, at + 50)))
        await world.until(
            lambda now: now["http.main.downstream_cx_total"] - before >= 500
            and now["http.main.downstream_cx_active"] == 1      # The neighbour.
            and now["http.main.downstream_rq_active"] <= 1
            and now["cluster.origin.upstream_rq_active"] <= 1
            and now["cluster.origin.upstream_rq_pending_active"] == 0,
            "every aborted connection is gone")
    return await world.watched(work(), 500)


async def slow_upstream(world):
    """A hundred answers of a byte each 200 ms."""
    async def work():
        connections = [await peers.connect(world.target) for _ in range(100)]
        for _, writer in connections:
            writer.write(b"GET /drip HTTP/1.1\r\nHost: a\r\n\r\n")
        statuses = await asyncio.gather(*(peers.status_of(reader) for reader, _ in connections))
        expect(set(statuses) == {200}, f"statuses {set(statuses)}")
        for _, writer in connections:
            writer.close()
    return await world.watched(work(), 200)


async def descriptors_come_back(world):
    """After all of the above, nothing is left open."""
    stats = await world.until(lambda now: now["http.main.downstream_cx_active"] == 0,
                              "no connection left")
    pooled = stats["cluster.origin.upstream_cx_active"]
    count = world.proxy.descriptors()
    expect(count < pooled + 40, f"{count} descriptors are open, {pooled} are pooled connections")
    return f"{count} descriptors, {pooled} of pooled connections"


async def files_exhausted(world):
    """EMFILE: accepting pauses without spinning, who is connected is served, and it recovers."""
    reader, writer = await peers.connect(world.target)

    async def ask():
        writer.write(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
        return await peers.status_of(reader)

    expect(await ask() == 200, "the first request was not served")
    crowd = [await peers.connect(world.target) for _ in range(200)]
    await asyncio.sleep(0.5)
    begun, cpu = time.monotonic(), world.proxy.cpu_seconds()
    for _ in range(20):
        expect(await ask() == 200, "a connection from before is not served any more")
        await asyncio.sleep(0.05)
    took, used = time.monotonic() - begun, world.proxy.cpu_seconds() - cpu
    expect(used < 0.5 * took, f"{used:.2f} s of CPU in {took:.2f} s: accepting spins")
    # No descriptor is left for a second connection to the origin either: the one there is serves.
    for asking in (crowd[0], crowd[1]):
        asking[1].write(b"GET /pause HTTP/1.1\r\nHost: a\r\n\r\n")
    statuses = await asyncio.gather(*(peers.status_of(r) for r, _ in (crowd[0], crowd[1])))
    # The admin interface needs a descriptor too: the crowd goes first.
    for _, another in crowd[2:]:
        another.close()
    stats = await world.until(lambda now: now["http.main.downstream_cx_active"] <= 3,
                              "the crowd is gone")
    expect(503 in statuses, f"statuses {statuses}")
    expect(stats["cluster.origin.upstream_cx_connect_fail"] >= 1, "the failure is not counted")
    crowd[0][1].close()
    crowd[1][1].close()
    late = await peers.connect(world.target)
    late[1].write(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(await peers.status_of(late[0]) == 200, "it did not recover")
    late[1].close()
    writer.close()
    return f"{used:.2f} s of CPU in {took:.2f} s"


async def ports_exhausted(world):
    """No local port for another upstream connection: counted; those that are open serve all."""
    async def ask(path):
        reader, writer = await peers.connect(world.target)
        writer.write(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        status = await peers.status_of(reader)
        writer.close()
        return status

    statuses = await asyncio.gather(*(ask(b"/pause") for _ in range(40)))
    expect(set(statuses) == {200}, f"statuses {statuses}")
    stats = await asyncio.to_thread(world.proxy.stats)
    failed = stats["cluster.origin.upstream_cx_connect_fail"]
    opened = stats["cluster.origin.upstream_cx_http1_total"]
    expect(failed >= 20 and opened <= 20, f"{failed} failures, {opened} connections")
    return f"40 served by {opened} connections, {failed} more failed"


TESTS = [slow_heads, slow_bodies, silent_bodies, never_reads, idle_connections, aborts,
         slow_upstream, descriptors_come_back]


def _hcm(binary, folder):
    """(settings, whether they have the request timeouts)."""
    common = ["stream_idle_timeout: 2s", "drain_timeout: 0.1s",
              "common_http_protocol_options: { idle_timeout: 2s }"]
    full = common + ["request_headers_timeout: 2s", "request_timeout: 3s"]
    config = subject.CONFIG.format(hcm=subject.settings(*full), origin=1, other=1, address=subject.TCP)
    if subject.accepts(binary, folder, config):
        return subject.settings(*full), True
    return subject.settings(*common), False


class Report:
    """One line a test."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    async def run(self, test, world):
        try:
            said = await test(world)
        except (subject.Failure, OSError) as error:
            print(f"FAILED  {test.__name__}: {error}", flush=True)
            self.failed += 1
            return
        if said.startswith("SKIPPED"):
            self.skipped += 1
        else:
            self.passed += 1
        print(f"{'skipped' if said.startswith('SKIPPED') else 'passed'}  {test.__name__}: {said}",
              flush=True)


async def _with_proxy(arguments, folder, report, tests, **options):
    """Runs tests with a proxy and an origin of their own."""
    # The others' origin is here, the one that the peers keep busy in a process of its own.
    other = peers.Origin()
    await other.start()
    origin = subprocess.Popen([sys.executable, os.path.join(HERE, "peers.py")],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port = int(await asyncio.to_thread(origin.stdout.readline))
    hcm, timeouts = _hcm(arguments.remora, folder)
    address = options.pop("address", subject.TCP)
    target = options.pop("target", None)
    config = subject.CONFIG.format(hcm=hcm, origin=port, other=other.port, address=address)
    with subject.Subject(arguments.remora, folder, config, **options) as proxy:
        world = World(proxy, target or proxy.port, timeouts)
        for test in tests:
            if not arguments.tests or any(name in test.__name__ for name in arguments.tests):
                await report.run(test, world)
        proxy.check_alive()
        status = proxy.stop()
        if status != 0:
            print(f"FAILED  the proxy ended with {status}:\n{proxy.log()}")
            report.failed += 1
    await other.stop()
    origin.stdin.close()
    origin.wait(5)


def _ports_in_namespace(arguments, folder, report):
    """Runs the test of local ports in a network namespace of its own, where they are few."""
    if arguments.tests and not any(name in "ports_exhausted" for name in arguments.tests):
        return
    inner = [sys.executable, os.path.abspath(__file__), "--remora", arguments.remora,
             "--inside-namespace", folder]
    probe = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        print("skipped  ports_exhausted: SKIPPED: no network namespaces here")
        report.skipped += 1
        return
    done = subprocess.run(["unshare", "-rn"] + inner, capture_output=True, text=True,
                          timeout=120, check=False)
    print(done.stdout, end="")
    if done.returncode == 0 and "passed" in done.stdout:
        report.passed += 1
    else:
        print(done.stderr, end="")
        report.failed += 1


def _inside_namespace(arguments):
    """The only processes here: the interface goes up, and twenty ports are all there are."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as ports:
        ports.write("40000 40019")
    folder = arguments.inside_namespace
    path = os.path.join(folder, "listener.sock")
    report = Report()

    async def run():
        await _with_proxy(arguments, folder, report, [ports_exhausted],
                          address="{ pipe: { path: %s } }" % path, target=path)
    arguments.tests = []
    asyncio.run(run())
    return 1 if report.failed else 0


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--remora", required=True, help="the binary under test")
    parser.add_argument("--inside-namespace", help=argparse.SUPPRESS)
    parser.add_argument("tests", nargs="*", help="parts of test names (default: all)")
    arguments = parser.parse_args()
    arguments.remora = os.path.abspath(arguments.remora)
    return arguments


def main():
    arguments = _arguments()
    if arguments.inside_namespace:
        return _inside_namespace(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    report = Report()
    with tempfile.TemporaryDirectory(prefix="remora-hostile-") as folder:
        asyncio.run(_with_proxy(arguments, os.path.join(folder, "all"), report, TESTS))
        asyncio.run(_with_proxy(arguments, os.path.join(folder, "files"), report,
                                [files_exhausted], max_files=80))
        os.mkdir(os.path.join(folder, "ports"))
        _ports_in_namespace(arguments, os.path.join(folder, "ports"), report)
    print(f"hostile peers: {report.passed} passed, {report.failed} failed, "
          f"{report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
