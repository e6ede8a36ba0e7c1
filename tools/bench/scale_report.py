"""What scale.py has measured, as docs/performance/scale.md."""

import datetime
import platform
import statistics

TITLES = {
    "100": "100 clusters of 3 endpoints, a route to each",
    "1000": "1,000 clusters of 3 endpoints, a route to each",
    "10000": "10,000 clusters of 3 endpoints, a route to each",
    "endpoints": "100 clusters of 1,000 endpoints, a route to each",
    "hosts": "one listener with 10,000 virtual hosts",
}
# Start's field, what it is, the target at 10,000 clusters by flavour.
FIGURES = (
    ("ready_ms", "ready, ms", {"delta": 500, "sotw": 500}),
    ("cpu_ms", "CPU until then, ms", {"delta": 500, "sotw": 500}),
    ("worker_ms", "of that the worker, ms", {}),
    ("rss_mib", "resident when ready, MiB", {}),
    ("settled_mib", "resident later, MiB", {"delta": 80, "sotw": 80}),
    ("seen_ms", "an endpoint moves: seen by traffic, ms", {"delta": 3, "sotw": 3}),
    ("taken_ms", "acknowledged, ms", {}),
    ("change_cpu_ms", "CPU, ms", {"delta": 1, "sotw": 30}),
    ("change_worker_ms", "of that the worker, ms", {}),
    ("quiet_ms", "a request a millisecond: longest answer without changes, ms", {}),
    ("stall_ms", "while endpoints change, ms", {}),
)
TARGETS_OF = "10000"


def _number(value):
    if value == 0:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(shape, flavour, starts, names):
    lines = ["| | target | " + " | ".join(names) + " |", "|---|---:|" + "---:|" * len(names)]
    for field, title, targets in FIGURES:
        values = [statistics.median(getattr(start, field) for start in
                                    starts[shape, flavour, name]) for name in names]
        target = targets.get(flavour) if shape == TARGETS_OF else None
        if any(values):
            lines.append(f"| {title} | {target or ''} | " +
                         " | ".join(_number(value) for value in values) + " |")
    return lines


def write(path, shapes, starts, churns, note=""):
    """The page; `note` says what the run was like."""
    rounds = max(len(values) for values in starts.values())
    measured = "One start" if rounds == 1 else f"Medians of {rounds} starts"
    lines = [
        "# Configuration at scale", "",
        "Written by [tools/bench/scale.py](../../tools/bench/README.md#scale) on "
        f"{datetime.date.today()}, Linux {platform.release()}.",
        f"{measured}. The control plane sends the same bytes to both proxies over",
        "loopback; one core has the proxy (one worker), the other its peers. What is missed of the",
        "targets, and why: [README](README.md#configuration-at-scale)."]
    lines += ([note] if note else []) + [""]
    for shape in shapes:
        for flavour in ("delta", "sotw"):
            names = [name for (of, kind, name) in starts if (of, kind) == (shape, flavour)]
            if names:
                title = "delta" if flavour == "delta" else "state of the world"
                lines += [f"## {TITLES[shape]}: {title}", "",
                          *_table(shape, flavour, starts, names), ""]
    if churns:
        lines += ["## 10,000 clusters come and go ten times", "",
                  "Resident memory in MiB, without clusters and with them.", "",
                  "| | before | the first time full | empty again | the last time full | at the end "
                  "| factor |", "|---|---:|---:|---:|---:|---:|---:|"]
        for (flavour, name), memory in churns.items():
            lines.append(
                f"| {name}, {flavour} | {memory['empty']:.1f} | {memory['full']:.1f} | "
                f"{memory['once']:.1f} | {memory['again']:.1f} | {memory['after']:.1f} | "
                f"{memory['after'] / memory['empty']:.2f} |")
        lines.append("")
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines))
