#!/usr/bin/env python3
"""Sends the same bytes through Remora and through Envoy and compares what both did.

The same bootstrap, the same clients and upstreams: see README.md. Exit status 1 when something
differs that no case explains, 2 when the suite could not run.
"""

import argparse
import asyncio
import dataclasses
import functools
import glob
import os
import re
import resource
import sys
import tempfile
import time

import bootstrap
import casefile
import discovery
import observation
import peers
import proxies
import secure

HERE = os.path.dirname(os.path.abspath(__file__))
DIFFERENCES = os.path.join(HERE, "..", "..", "docs", "differences.md")
# What Remora says of a field that it does not have: listed in docs/configuration/not_supported.md.
_NOT_SUPPORTED = re.compile("not supported|Not supported")
# How long a connection is watched before it counts as kept open.
QUIET = 0.3
# Cases with a process of each proxy of their own, at a time.
_DISCOVERY_JOBS = 6
# The second look at what differed: slower, nothing else running.
PATIENT = 4.0


@dataclasses.dataclass
class Options:
    """How a round of cases is run."""
    jobs: int
    slow: float = 1.0


@dataclasses.dataclass
class Outcome:
    """What both proxies did in a case."""
    case: casefile.Case
    envoy: list = dataclasses.field(default_factory=list)
    remora: list = dataclasses.field(default_factory=list)
    refused: str = ""                # Remora's reason
    announced: bool = False          # A response said `connection: close`.
    problems: list = dataclasses.field(default_factory=list)

    def judge(self, documented):
        """Fills `problems`."""
        if self.refused:
            self.problems.append("refuses the configuration: " + self.refused)
            return
        for pattern in self.case.expected:
            if not any(observation.matches(pattern, line) for line in self.envoy):
                self.problems.append(f"Envoy does not show: {pattern}")
        if not self.remora:
            return
        for pattern in self.case.required:
            if not any(observation.matches(pattern, line) for line in self.remora):
                self.problems.append(f"Remora does not show: {pattern}")
        for pattern in self.case.forbidden:
            self.problems += [f"Remora shows: {line}" for line in self.remora
                              if observation.matches(pattern, line)]
        lines = observation.difference(self.case, self.envoy, self.remora)
        extra, stale = observation.unexplained(self.case, lines)
        self.problems += extra
        self.problems += [f"no such difference: {pattern}" for pattern in stale]
        for row, _ in self.case.differences:
            if row not in documented:
                self.problems.append(f"docs/differences.md does not say: {row}")


class Suite:
    """One round over the cases of one group."""

    def __init__(self, arguments, folder, with_log):
        self._arguments = arguments
        self._folder = folder
        self._with_log = with_log
        self.notes = []

    def _proxies(self):
        chosen = {"envoy": proxies.Proxy("envoy", self._arguments.envoy, self._folder)}
        if self._arguments.remora:
            chosen["remora"] = proxies.Proxy("remora", self._arguments.remora, self._folder)
        return chosen

    async def run(self, group, cases, options):
        """{case: Outcome}."""
        outcomes = {case.id: Outcome(case) for case in cases}
        chosen = self._proxies()
        try:
            for kind, proxy in chosen.items():
                await self._start(kind, proxy, group, outcomes)
            await self._perform(chosen, outcomes, options)
        finally:
            for proxy in chosen.values():
                proxy.stop()
        self._read_logs(chosen, outcomes)
        return outcomes

    async def _start(self, kind, proxy, group, outcomes):
        proxy.upstreams = {}
        proxy.runs = {}
        for outcome in outcomes.values():
            case = outcome.case
            for name in case.upstream_names():
                refuses = name in case.refused
                upstream = peers.Upstream(name, case.answers.get(name, []), refuses, case.raw,
                                          self._upstream_channels(case, name))
                upstream.start(refuses)
                proxy.upstreams[case.id, name] = upstream
        yaml = self._yaml(proxy, group, [outcome.case for outcome in outcomes.values()])
        if proxy.refuses(yaml):
            for outcome in outcomes.values():
                why = proxy.refuses(self._yaml(proxy, group, [outcome.case]))
                if why:
                    outcome.refused = why if kind == "remora" else f"(Envoy) {why}"
            yaml = self._yaml(proxy, group, [outcome.case for outcome in outcomes.values()
                                             if not outcome.refused])
        proxy.start(yaml)

    def _yaml(self, proxy, group, cases):
        ports = {key: upstream.port for key, upstream in proxy.upstreams.items()}
        for name in os.listdir(proxy.folder):
            if name.endswith(".log"):
                os.unlink(os.path.join(proxy.folder, name))
        return bootstrap.write(group, cases, ports, proxy.folder, self._with_log)

    async def _perform(self, chosen, outcomes, options):
        turns = asyncio.Semaphore(options.jobs)

        async def one(kind, proxy, outcome):
            async with turns:
                lines = await self._case(proxy, outcome.case, options)
            getattr(outcome, kind).extend(lines)
            outcome.announced |= any(" ends as announced" in line for line in lines)

        await asyncio.gather(*(
            one(kind, proxy, outcome) for outcome in outcomes.values()
            for kind, proxy in chosen.items() if outcome.case.id in proxy.ports))
        await asyncio.sleep(0.3 * options.slow)
        values = {}
        for kind, proxy in chosen.items():
            if not proxy.is_alive():
                raise proxies.Failure(f"{kind} died:\n{proxy.log_tail()}")
            values[kind] = proxy.counters()
        for outcome in outcomes.values():
            self._count(outcome, values)
        for proxy in chosen.values():
            for upstream in proxy.upstreams.values():
                await upstream.close()

    def _upstream_channels(self, case, name):
        """A function that makes the TLS of a connection to the upstream, or None for plain."""
        wishes = case.secured.get(name)
        if not wishes:
            return lambda: None
        context = functools.partial(wishes.context, os.path.join(self._folder, "certs"), True)
        return lambda: secure.Channel(context(), True)

    def _client_channel(self, script, clients, contexts):
        """A session is resumed in the context that it came from."""
        wishes = script.wishes
        if not wishes:
            return None
        before = clients.get(wishes.resume)
        context = contexts[wishes.resume] if before else wishes.context(
            os.path.join(self._folder, "certs"), False)
        contexts[script.label] = context
        return secure.Channel(context, False, wishes.sni, before and before.channel.session)

    async def _case(self, proxy, case, options):
        patience = case.patience * options.slow
        clients, contexts = {}, {}
        scripts = case.clients or [casefile.Client("1", "", [])]
        for script in scripts:
            client = clients.get(script.label)
            if not client:
                client = peers.Client(script, proxy.ports[case.id], case.raw,
                                      self._client_channel(script, clients, contexts))
                clients[script.label] = client
            await client.run(casefile.with_ports(script.steps, {
                name: proxy.upstreams[case.id, name].port for name in case.upstream_names()}),
                             patience)
        for client in clients.values():
            await client.settle(patience, 0)
        await asyncio.sleep(QUIET * options.slow)
        upstreams = [proxy.upstreams[case.id, name] for name in case.upstream_names()]
        run = observation.Run(case, list(clients.values()), upstreams, proxy.ports[case.id])
        lines = run.observe()
        proxy.runs[case.id] = run
        for client in clients.values():
            await client.close()
        return lines

    def _count(self, outcome, values):
        """Adds a line for each counter of the case that both have."""
        mine = {kind: observation.counters(outcome.case, all_of) for kind, all_of in values.items()}
        if outcome.refused:
            return
        for kind, counted in mine.items():
            getattr(outcome, kind).extend(
                f"stat {name} {value}" for name, value in sorted(counted.items())
                if value and not observation.is_ignored(name, outcome.announced))

    def _read_logs(self, chosen, outcomes):
        if not self._with_log:
            return
        for kind, proxy in chosen.items():
            for case_id, run in proxy.runs.items():
                lines = run.log(bootstrap.log_path(run.case, proxy.folder))
                getattr(outcomes[case_id], kind).extend(lines)


def _default_envoy():
    cache = os.environ.get("REMORA_CACHE") or os.path.expanduser("~/.cache/remora")
    return os.path.join(cache, "python", "bin", "envoy")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--remora", help="the binary under test; without it Envoy alone is shown")
    parser.add_argument("--envoy", default=_default_envoy(),
                        help="the Envoy to compare with (default: what tools/setup installs)")
    parser.add_argument("--show", action="store_true", help="print what was seen in every case")
    parser.add_argument("--once", action="store_true",
                        help="do not look a second time at what differs")
    parser.add_argument("--jobs", type=int, default=24, help="cases at a time and proxy")
    parser.add_argument("cases", nargs="*", help="parts of file or case names (default: all)")
    return parser.parse_args()


def _chosen(arguments):
    """[(group, [case])] that the command line asks for."""
    found = []
    for path in sorted(glob.glob(os.path.join(HERE, "cases", "*.txt"))):
        group = casefile.read(path)
        cases = [case for case in group.cases
                 if not arguments.cases or any(map(case.is_called, arguments.cases))]
        if cases:
            found.append((group, cases))
    return found


def _chosen_discovery(arguments):
    """[(file, [case])] of those with a control plane."""
    found = []
    for path in sorted(glob.glob(os.path.join(HERE, "cases", "*.plane"))):
        cases = [case for case in discovery.read(path)
                 if not arguments.cases or any(map(case.is_called, arguments.cases))]
        if cases:
            found.append((path, cases))
    return found


def _raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(16384, hard), hard))


def _logs_supported(arguments, folder):
    """Whether this build of Remora writes access logs."""
    if not arguments.remora:
        return True
    proxy = proxies.Proxy("remora", arguments.remora, folder)
    case = casefile.Case("probe", "probe", 0)
    return not proxy.refuses(bootstrap.write(casefile.Group("probe"), [case],
                                             {(case.id, "up"): 1}, folder))


class Report:
    """Prints what came out and keeps the counts."""

    def __init__(self, arguments):
        self._arguments = arguments
        self.counts = dict.fromkeys(
            ("same", "differ on purpose", "not supported", "pending", "failed"), 0)

    def add(self, outcome):
        case = outcome.case
        where = f"{os.path.relpath(case.file)}:{case.line}: {case.name}"
        if self._arguments.show or not self._arguments.remora:
            print(f"--- {where}")
            for line in outcome.envoy:
                print("    " + line)
        if outcome.problems:
            kind = "pending" if case.pending else "failed"
            if _NOT_SUPPORTED.search(outcome.refused):
                kind = "not supported"
            print(f"{'FAILED' if kind == 'failed' else kind} {where}"
                  + (f" ({case.pending})" if case.pending else ""))
            for problem in outcome.problems:
                print("    " + problem)
        else:
            kind = "differ on purpose" if case.differences else "same"
            if case.pending:
                print(f"no longer pending: {where}")
        self.counts[kind] += 1


async def _run_group(suite, group, cases, arguments, documented):
    outcomes = await suite.run(group, cases, Options(arguments.jobs))
    for outcome in outcomes.values():
        outcome.judge(documented)
    # What differs is looked at once more, alone and slowly: what came from a loaded machine goes.
    again = [outcome.case for outcome in outcomes.values()
             if outcome.problems and not outcome.refused and not outcome.case.pending]
    if again and arguments.remora and not arguments.once:
        second = await suite.run(group, again, Options(4, PATIENT))
        for outcome in second.values():
            outcome.judge(documented)
        outcomes.update(second)
    return outcomes


def _run_discovery(arguments, cases, folder, documented):
    outcomes = {case.id: Outcome(case) for case in cases}
    discovery.run(arguments, cases, outcomes, folder, _DISCOVERY_JOBS)
    for outcome in outcomes.values():
        outcome.judge(documented)
    again = [outcome.case for outcome in outcomes.values() if outcome.problems]
    if again and arguments.remora and not arguments.once:
        second = {case.id: Outcome(case) for case in again}
        discovery.run(arguments, again, second, folder, 1)
        for outcome in second.values():
            outcome.judge(documented)
        outcomes.update(second)
    return outcomes


def _compare(arguments):
    with open(DIFFERENCES, encoding="utf-8") as text:
        documented = text.read()
    report = Report(arguments)
    with tempfile.TemporaryDirectory(prefix="remora-differential-") as folder:
        with_log = _logs_supported(arguments, folder)
        if not with_log:
            print("this build has no access log: log lines are not compared")
        chosen, with_plane = _chosen(arguments), _chosen_discovery(arguments)
        if not chosen and not with_plane:
            raise casefile.Malformed("no case is called " + " or ".join(arguments.cases))
        if any(case.needs_certificates for _, cases in chosen for case in cases):
            secure.make_certificates(os.path.join(folder, "certs"))
        for group, cases in chosen:
            begun = time.monotonic()
            suite = Suite(arguments, folder, with_log)
            outcomes = asyncio.run(_run_group(suite, group, cases, arguments, documented))
            for outcome in outcomes.values():
                report.add(outcome)
            print(f"{os.path.basename(group.file)}: {len(cases)} cases in "
                  f"{time.monotonic() - begun:.1f} s", flush=True)
        for path, cases in with_plane:
            begun = time.monotonic()
            for outcome in _run_discovery(arguments, cases, folder, documented).values():
                report.add(outcome)
            print(f"{os.path.basename(path)}: {len(cases)} cases in "
                  f"{time.monotonic() - begun:.1f} s", flush=True)
    print(f"{sum(report.counts.values())} cases: "
          + ", ".join(f"{count} {kind}" for kind, count in report.counts.items()))
    return 1 if report.counts["failed"] else 0


def main():
    arguments = _arguments()
    if not os.path.exists(arguments.envoy):
        print(f"differential: SKIPPED: no Envoy at {arguments.envoy}; tools/setup --all installs it")
        return 0
    _raise_file_limit()
    try:
        return _compare(arguments)
    except (proxies.Failure, casefile.Malformed, OSError) as error:
        print(f"differential: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
