"""What the kernel knows of a server while it works: processor time, memory, disk flushes and writes."""
import os
import pathlib

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return {"ppid": int(fields[1]), "ticks": sum(int(fields[i]) for i in (11, 12, 13, 14))}


def tree(roots):
    """The processes below `roots`, with them: {pid: ticks}."""
    stats = {int(p.name): _stat(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()}
    stats = {pid: s for pid, s in stats.items() if s}
    found, grew = set(roots), True
    while grew:
        grew = False
        for pid, s in stats.items():
            if pid not in found and s["ppid"] in found:
                found.add(pid)
                grew = True
    return {pid: stats[pid]["ticks"] for pid in found if pid in stats}


def cpu_seconds(roots):
    """User and system time of the tree, with what ended children used."""
    return sum(tree(roots).values()) / TICK


def memory_kib(roots):
    """Proportional set size of the tree, KiB."""
    total = 0
    for pid in tree(roots):
        try:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total


def peak_rss_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def disk_of(path):
    """The name in /proc/diskstats of the disk that holds `path`, or None."""
    device = os.stat(path).st_dev
    for line in pathlib.Path("/proc/diskstats").read_text().splitlines():
        fields = line.split()
        if (int(fields[0]), int(fields[1])) == (os.major(device), os.minor(device)):
            return fields[2]
    return None


def disk(name):
    """Flush requests and bytes written so far of the whole disk."""
    for line in pathlib.Path("/proc/diskstats").read_text().splitlines():
        fields = line.split()
        if fields[2] == name:
            return {"flushes": int(fields[18]) if len(fields) > 18 else 0, "written": int(fields[9]) * 512}
    return {"flushes": 0, "written": 0}


def steal_and_other():
    """Ticks of the whole machine: (busy, idle, steal), to tell a disturbed run."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return sum(fields[:3]) + sum(fields[5:7]), fields[3] + fields[4], fields[7]


class Meter:
    """with Meter(roots, folder) as m: ...; then m.cpu (s), m.flushes, m.written (bytes)."""

    def __init__(self, roots, folder):
        self.roots, self.device = list(roots), disk_of(folder)

    def __enter__(self):
        self.cpu0, self.disk0 = cpu_seconds(self.roots), disk(self.device)
        return self

    def __exit__(self, *_):
        now = disk(self.device)
        self.cpu = cpu_seconds(self.roots) - self.cpu0
        self.flushes = now["flushes"] - self.disk0["flushes"]
        self.written = now["written"] - self.disk0["written"]


# ---- figures of rows

def figures_of(measure, *args):
    """A row that fails is shown as such; the others go on."""
    try:
        return measure(*args)
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error} {getattr(error, 'stderr', '')}".strip()[:300]}


def show(value):
    return "" if value is None else value if isinstance(value, str) else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def tell(row, server, figures):
    print(f"{row}: {server}: " + ", ".join(f"{key} {show(value)}" for key, value in figures.items()))


def put_table(text, path):
    """On the screen, and into a file if one is wanted."""
    print(text)
    if path:
        pathlib.Path(path).write_text(text + "\n")
