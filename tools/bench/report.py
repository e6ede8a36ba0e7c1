"""What was measured, as results.md and cpu.svg."""

import dataclasses
import datetime
import os
import platform
import statistics
from xml.sax import saxutils

import extras
import scenarios

COLOURS = {"raw": "#9aa0a6", "remora": "#0b7285", "haproxy": "#e8a33d", "nginx": "#5c9e4a",
           "envoy": "#a24a8c"}


class Results:
    """All windows of one run, and the figures that are not windows."""

    def __init__(self, versions, rounds, seconds, quick):
        self.versions = versions
        self.rounds = rounds
        self.seconds = seconds
        self.quick = quick
        self.windows = {}        # scenario -> subject -> [Window]
        self.memory = {}         # subject -> {"fresh_kib", "loaded_kib", "idle_bytes"}
        self.start_ms = {}
        self.binary_bytes = {}
        self.failures = []

    def add(self, scenario, name, window):
        self.windows.setdefault(scenario, {}).setdefault(name, []).append(window)

    def median(self, scenario, name, field):
        windows = self.windows.get(scenario, {}).get(name)
        return statistics.median(getattr(w, field) for w in windows) if windows else None

    def cpu_ratio(self, scenario, name, other):
        """Median over the rounds of CPU(name) / CPU(other) in the same round."""
        ours = self.windows.get(scenario, {}).get(name, [])
        theirs = self.windows.get(scenario, {}).get(other, [])
        pairs = [a.cpu_us / b.cpu_us for a, b in zip(ours, theirs)]
        return statistics.median(pairs) if pairs else None

    def all_failures(self):
        lines = list(self.failures)
        for scenario, by_name in self.windows.items():
            for name, windows in by_name.items():
                errors = sum(window.errors for window in windows)
                if errors:
                    lines.append(f"{scenario}: {name}: {errors} failed requests")
        return lines

    def disturbed(self):
        every = [w for by_name in self.windows.values() for ws in by_name.values() for w in ws]
        return sum(w.waited > scenarios.DISTURBED for w in every), len(every)

    def as_json(self):
        return {
            "versions": self.versions, "rounds": self.rounds, "seconds": self.seconds,
            "windows": {scenario: {name: [dataclasses.asdict(w) for w in windows]
                                   for name, windows in by_name.items()}
                        for scenario, by_name in self.windows.items()},
            "memory": self.memory, "start_ms": self.start_ms, "binary_bytes": self.binary_bytes,
        }


def write(results, folder):
    """Writes the files (no chart if no traffic was measured); returns their paths."""
    pages = {"results.md": _markdown(results)}
    if _panels(results):
        pages["cpu.svg"] = _chart(results)
    paths = []
    for name, text in pages.items():
        paths.append(os.path.join(folder, name))
        with open(paths[-1], "w", encoding="utf-8") as out:
            out.write(text)
    return paths


def _number(value, digits=1, unit=""):
    return "-" if value is None else f"{value:,.{digits}f}{unit}"


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _traffic_tables(results, names):
    chosen = [s for s in scenarios.ALL_TRAFFIC if s.name in results.windows]
    if not chosen:
        return ""
    peers = [name for name in names if name != "remora"]
    cpu, rates = [], []
    for scenario in chosen:
        row = [scenario.title]
        row += [_number(results.median(scenario.name, name, "cpu_us")) for name in names]
        row += [_number(results.cpu_ratio(scenario.name, "remora", peer), 2) for peer in peers]
        cpu.append(row)
        for name in (n for n in names if n in results.windows[scenario.name]):
            busy = results.median(scenario.name, name, "busy")
            if busy is None:
                continue             # It cannot do that.
            rps = results.median(scenario.name, name, "rps")
            mark = "" if busy >= scenarios.SATURATED else " *"
            rates.append([f"{scenario.title}: {name}", _number(rps, 0) + mark,
                          _number(results.median(scenario.name, name, "p50_us"), 0),
                          _number(results.median(scenario.name, name, "p99_us"), 0),
                          _number(busy * 100, 0, " %")])
    return ("\n## CPU a request\n\nMicroseconds of CPU, user and system, of the whole process "
            "tree. `remora/x` is the median over the rounds of the ratio within a round.\n\n"
            + _table(["scenario", *names, *[f"remora/{peer}" for peer in peers]], cpu)
            + "\n![CPU a request, microseconds by scenario and proxy](cpu.svg)\n"
            + "\n## Requests a second and latency\n\nClosed loop at saturation, so latency here is "
            "the number of connections divided by the rate; compare it at equal rates only. "
            f"\\* marks a proxy that used less than {scenarios.SATURATED:.0%} of its core: the "
            "load and the origin, which share the other core, were the limit, not the proxy.\n\n"
            + _table(["scenario", "requests/s", "p50 us", "p99 us", "of its core"], rates))


def _route_table(results):
    names = [name for name in scenarios.ROUTED if name in results.windows.get("routes-1-first", {})]
    if not names:
        return ""
    rows = []
    for count in scenarios.ROUTE_COUNTS:
        for place in ("first",) if count == 1 else ("first", "middle", "last"):
            row = [f"{count:,} route{'s' if count > 1 else ''}, {place} hit"]
            for name in names:
                key = f"routes-{count}-{place}"
                base = results.windows["routes-1-first"][name]
                ratio = statistics.median(
                    a.cpu_us / b.cpu_us for a, b in zip(results.windows[key][name], base))
                row += [_number(results.median(key, name, "cpu_us")), _number(ratio, 2)]
            rows.append(row)
    head = ["routes"]
    for name in names:
        head += [f"{name} us", f"{name} / its one-route figure"]
    return ("\n## Routes\n\nCPU a request, keep-alive GET, N prefix routes in one virtual host.\n\n"
            + _table(head, rows))


def _extras_table(results):
    names = [name for name in scenarios.ROUTED if name in results.windows.get("extras-plain", {})]
    if not names:
        return ""
    rows = []
    for extra, (title, limit) in extras.EXTRAS.items():
        row = [title]
        for name in names:
            windows, base = (results.windows[f"extras-{key}"][name] for key in (extra, "plain"))
            added = statistics.median(a.cpu_us - b.cpu_us for a, b in zip(windows, base))
            row += [_number(results.median(f"extras-{extra}", name, "cpu_us"), 2),
                    _number(added if extra != "plain" else None, 2)]
        rows.append(row + [_number(limit)])
    head = ["turned on"]
    for name in names:
        head += [f"{name} us", "added"]
    return ("\n## What a configuration turns on\n\nCPU a request, keep-alive GET with 10 headers, "
            "a token and an origin. What is added is the median over the rounds of the difference "
            "within a round; the last column is what it may be for Remora: where there is no figure, "
            "half of what it is for Envoy.\n\n" + _table([*head, "at most"], rows))


def _size_table(results, names):
    if not (results.memory or results.start_ms):
        return ""
    rows = []
    for name in names:
        memory = results.memory.get(name, {})
        rows.append([
            name,
            *[_number(memory[key] / 1024 if key in memory else None)
              for key in ("fresh_kib", "loaded_kib", "loaded_rss_kib")],
            _number(memory.get("idle_bytes"), 0),
            _number(memory.get("mtls_idle_bytes"), 0),
            _number(results.start_ms.get(name)),
            _number(results.binary_bytes[name] / 2**20 if name in results.binary_bytes else None),
        ])
    return ("\n## Memory, start, size\n\nResident memory is PSS of the process tree (RSS beside "
            "it). An idle connection: growth of RssAnon divided by the connections held, each "
            "after one request. nginx reserves its connections at start, which its growth leaves "
            "out. "
            "Start: exec to the first 200, median. Binary: stripped.\n\n"
            + _table(["", "MiB, fresh", "MiB, after load", "RSS MiB, after load",
                      "B an idle connection", "the same with mTLS", "start ms", "binary MiB"], rows))


def _markdown(results):
    names = list(results.versions)
    disturbed, windows = results.disturbed()
    text = "# Benchmark results\n\n"
    text += ("Written by `tools/bench/run.py`; how to read and repeat it: "
             "[tools/bench](../../tools/bench/README.md).\n\n")
    if results.quick:
        text += "**Made with --quick: shows that everything works, the figures mean nothing.**\n\n"
    text += (f"{datetime.date.today().isoformat()}, {_cpu_model()}, {os.cpu_count()} cores, Linux "
             f"{platform.release()}. {results.rounds} interleaved rounds of {results.seconds} s, "
             "medians. One worker each on its own core; load and origin share the other core; "
             "access log off but where it is named; Remora and Envoy with statistics and timeouts on. "
             f"{disturbed} of {windows} windows were disturbed (the proxy waited more than "
             f"{scenarios.DISTURBED:.0%} of the time for its core).\n\n")
    text += "\n".join(f"- {name}: {version}" for name, version in results.versions.items()) + "\n"
    failures = results.all_failures()
    if failures:
        text += "\n**Failed:**\n\n" + "\n".join(f"- {line}" for line in failures) + "\n"
    return (text + _traffic_tables(results, names) + _route_table(results)
            + _extras_table(results) + _size_table(results, names))


def _panels(results):
    """[(title, [(name, us)])]"""
    panels = [(s.title.replace("`", ""), s.name)
              for s in scenarios.TRAFFIC + scenarios.TLS_TRAFFIC]
    panels += [(f"{count:,} routes, last hit", f"routes-{count}-last")
               for count in scenarios.ROUTE_COUNTS if count > 1]
    return [(title, [(name, results.median(key, name, "cpu_us")) for name in results.versions
                     if name in results.windows[key]])
            for title, key in panels if key in results.windows]


def _chart(results):
    """Bars of CPU a request; each panel has its own scale, the figure stands beside the bar."""
    width, label_width, value_width, bar, gap = 760, 80, 90, 16, 4
    shapes, y = [], 46
    for title, values in _panels(results):
        shapes.append(f'<text x="12" y="{y}" class="title">{saxutils.escape(title)}</text>')
        y += 8
        longest = max(us for _, us in values)
        for name, us in values:
            length = max(1.0, us / longest * (width - label_width - value_width - 24))
            shapes.append(
                f'<text x="{12 + label_width - 8}" y="{y + 12}" text-anchor="end">{name}</text>'
                f'<rect x="{12 + label_width}" y="{y}" width="{length:.1f}" height="{bar}" '
                f'fill="{COLOURS[name]}"/>'
                f'<text x="{12 + label_width + length + 6:.1f}" y="{y + 12}">{us:,.1f} us</text>')
            y += bar + gap
        y += 24
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" '
            f'height="{y}" role="img" aria-label="CPU a request, by scenario and proxy">\n'
            '<style>text{font:12px sans-serif;fill:#222}.title{font-weight:bold}</style>\n'
            f'<rect width="{width}" height="{y}" fill="#ffffff"/>\n'
            '<text x="12" y="22" class="title">CPU microseconds a request; less is better</text>\n'
            + "\n".join(shapes) + "\n</svg>\n")
