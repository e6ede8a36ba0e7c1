"""Counts of what requests cost a running server: system calls, allocations, instructions.

Each count is a slope: the cost of a run of 2N requests less that of a run of N, divided by N. What
a run costs once (its connection, the detaching of a tool) is in both and drops out.
"""

import collections
import os
import re
import signal
import struct
import subprocess
import time

import process

_READS = {"read", "readv", "recv", "recvfrom", "recvmsg", "recvmmsg", "preadv", "pread64"}
_WRITES = {"write", "writev", "send", "sendto", "sendmsg", "sendmmsg"}
_WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2"}
SYSCALL_KINDS = ("recv", "send", "epoll_wait", "epoll_ctl", "empty_reads", "other")

# The order of `enum Counter` in count_malloc.c; free and the sum of bytes follow.
_ALLOCATING = 4
_COUNTERS = 6

_ALLOCATOR = re.compile(
    r"^(malloc|calloc|realloc|aligned_alloc|posix_memalign|memalign|operator new(\[\])?\(.*"
    r"|mi_\w*(malloc|calloc|realloc|alloc|new)\w*|tc_\w+|tcmalloc::.*alloc.*)('\d+)?$")


def slope(run, measure, requests):
    """(measure of a run of 2N) - (measure of a run of N), per request; measures are dicts."""
    once = measure(lambda: run(requests))
    twice = measure(lambda: run(2 * requests))
    return {key: (twice.get(key, 0) - once.get(key, 0)) / requests for key in {*once, *twice}}


def system_calls(server, run, requests):
    """{kind of SYSCALL_KINDS: calls a request} of a running server, and {name: ...} of "other"."""
    by_name = slope(run, lambda body: _strace(server, body), requests)
    kinds = dict.fromkeys(SYSCALL_KINDS, 0.0)
    others = {}
    for name, calls in by_name.items():
        if name.startswith("failed "):
            if name[len("failed "):] in _READS:
                kinds["empty_reads"] += calls
        elif name in _READS:
            kinds["recv"] += calls
        elif name in _WRITES:
            kinds["send"] += calls
        elif name in _WAITS:
            kinds["epoll_wait"] += calls
        elif name == "epoll_ctl":
            kinds["epoll_ctl"] += calls
        else:
            kinds["other"] += calls
            others[name] = calls
    return kinds, others


def _strace(server, body):
    """{name: calls, "failed " + name: calls that failed} while `body` runs."""
    table = server.file("strace")
    strace = subprocess.Popen(
        ["strace", "-f", "-c", "-o", table, "-p", str(server.process.popen.pid)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        # One line a thread; the first comes when it is attached, the others in the same breath.
        said = strace.stderr.readline()
        if "attached" not in said:
            raise process.Failure("strace cannot attach: " + said.strip())
        _wait_until_traced(server.process.popen.pid, strace.pid)
        body()
    finally:
        strace.send_signal(signal.SIGINT)
        try:
            strace.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            strace.kill()
            strace.communicate()
    counts = collections.Counter()
    with open(table, encoding="ascii", errors="replace") as lines:
        for line in lines:
            # "% time  seconds  usecs/call  calls  [errors]  syscall"
            fields = line.split()
            if len(fields) in (5, 6) and fields[3].isdigit() and fields[-1] != "total":
                counts[fields[-1]] += int(fields[3])
                if len(fields) == 6:
                    counts["failed " + fields[-1]] += int(fields[4])
    return counts


def _wait_until_traced(pid, tracer):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        tracers = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
                tracers += [int(line.split()[1]) for line in status
                            if line.startswith("TracerPid:")]
        if all(each == tracer for each in tracers):
            return
        time.sleep(0.01)
    raise process.Failure("strace did not attach to all threads within 10 s")


def has_own_allocator(binary):
    """Whether a program allocates by functions of its own, which a preloaded library cannot see."""
    symbols = subprocess.run(["readelf", "--wide", "--dyn-syms", binary], capture_output=True,
                             text=True, check=True).stdout
    # Imported malloc, or imported operator new, which calls malloc.
    return not re.search(r" UND (malloc|_Znwm)(@|\s|$)", symbols, re.MULTILINE)


def allocations(counter_file, run, requests):
    """{"calls", "bytes"} a request of a server with count_malloc.so in it."""
    def measure(body):
        before = _read_counters(counter_file)
        body()
        after = _read_counters(counter_file)
        return {"calls": sum(after[:_ALLOCATING]) - sum(before[:_ALLOCATING]),
                "bytes": after[-1] - before[-1]}
    return slope(run, measure, requests)


def _read_counters(path):
    with open(path, "rb") as file:
        return struct.unpack(f"{_COUNTERS}Q", file.read(_COUNTERS * 8))


def instructions(server, run, requests):
    """{"instructions", "allocations"} a request of a server that runs under callgrind.

    "allocations" are the calls of functions that are known to allocate: what there is to see of
    an allocator linked into the program. Without has_symbols it means nothing.
    """
    dumps = []

    def measure(body):
        _dump(server, dumps)  # Also sets the counts back to zero.
        body()
        return _read_dump(_dump(server, dumps))
    return slope(run, measure, requests)


def _dump(server, dumps):
    """Has callgrind write its counts and start again from zero; returns the file's path."""
    done = subprocess.run(["vgdb", f"--pid={server.process.popen.pid}", "--wait=10", "dump"],
                          capture_output=True, text=True, timeout=60, check=False)
    dumps.append(f"{server.file('callgrind')}.{len(dumps) + 1}")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if os.path.exists(dumps[-1]):
            with open(dumps[-1], encoding="utf-8", errors="replace") as file:
                if "\ntotals:" in file.read():
                    return dumps[-1]
        time.sleep(0.05)
    raise process.Failure(f"callgrind wrote no counts: {done.stdout}{done.stderr}")


class _Names:
    """The names of one callgrind file: "(12) name" gives a number to a name, "(12)" repeats it."""

    def __init__(self):
        self._by_number = {}

    def read(self, line):
        number, _, name = line.rstrip("\n").partition("=")[2].partition(" ")
        if name:
            self._by_number[number] = name
        return self._by_number.get(number, "")


def has_symbols(binary):
    """Whether callgrind can name the functions of a program: by itself or by its debug file."""
    sections = subprocess.run(["readelf", "--wide", "--sections", binary], capture_output=True,
                              text=True, check=True).stdout
    if " .symtab " in sections:
        return True
    link = subprocess.run(["readelf", "--string-dump=.gnu_debuglink", binary], capture_output=True,
                          text=True, check=True).stdout
    named = re.search(r"\]\s+(\S+)", link)
    return bool(named) and os.path.exists(os.path.join(os.path.dirname(binary), named.group(1)))


def _read_dump(path):
    """The total of a callgrind file and its calls into the allocator from outside of it."""
    names, function, callee = _Names(), "", ""
    found = {"instructions": 0, "allocations": 0}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("fn="):
                function = names.read(line)
            elif line.startswith("cfn="):
                callee = names.read(line)
            elif line.startswith("calls="):
                if _ALLOCATOR.match(callee) and not _ALLOCATOR.match(function):
                    found["allocations"] += int(line[6:].split()[0])
            elif line.startswith("totals:"):
                found["instructions"] = int(line.split()[1])
    return found
