"""What one run of a program costs: itself, and the servers that it keeps busy."""

import os
import pathlib
import shlex
import tempfile
import time

from gbtest.process import BedError, Process, wait_until

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(*processes):
    """User and system time of running processes so far, all their threads."""
    total = 0
    for process in processes:
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICK


def memory(process, key="VmRSS"):
    """Bytes resident now; with VmHWM the most there were since start_peak()."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise BedError(f"/proc/{process.pid}/status has no {key}")


def start_peak(process):
    pathlib.Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def wait_idle(process, timeout=60):
    """Until it takes next to no CPU for two seconds."""
    def idle():
        before = cpu_seconds(process)
        time.sleep(2)
        return cpu_seconds(process) - before <= 0.02
    wait_until(f"{process.name} to be idle", idle, timeout, process)


def client(name, pipeline, output=None, stdin=None, timeout=7200):
    """Runs programs connected by pipes: wall s, CPU s of all together, the peak resident bytes of each, what they said.

    GNU time starts them: a program's ru_maxrss counts what its parent held before the exec, and that one holds nothing.
    """
    with tempfile.TemporaryDirectory(prefix="gb-bench-client-") as folder:
        folder = pathlib.Path(folder)
        stages = [shlex.join(["/usr/bin/time", "--quiet", "-o", str(folder / str(i)), "-f", "%U %S %M",
                              "setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)]) for i, argv in enumerate(pipeline)]
        command = " | ".join(stages)
        if stdin:
            command = f"{stages[0]} < {shlex.quote(str(stdin))}" + "".join(f" | {s}" for s in stages[1:])
        if output:
            command += f" > {shlex.quote(str(output))}"
        clock = f"echo $EPOCHREALTIME >> {shlex.quote(str(folder / 'clock'))}"
        command = f"{clock}; {command}; code=$?; {clock}; exit $code"
        os.sync()  # what was written before is not this one's to wait for
        process = Process(name, ["bash", "-o", "pipefail", "-c", command], folder / "log")
        try:
            code = process.wait(timeout)
        finally:
            process.stop()
        said = (folder / "log").read_text(errors="replace")
        if code != 0:
            raise BedError(f"{name}: {command}\nexit code {code}\n{said[-3000:]}")
        begin, end = map(float, (folder / "clock").read_text().split())
        used = [(folder / str(i)).read_text().split() for i in range(len(pipeline))]
        return {"wall": end - begin, "cpu": sum(float(u) + float(s) for u, s, _ in used),
                "rss": [int(kib) * 1024 for _, _, kib in used], "said": said}


def bytes_in(folder):
    return sum(f.stat().st_size for f in pathlib.Path(folder).rglob("*") if f.is_file())
