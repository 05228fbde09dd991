"""The store and the real server with many objects: recovery, and GET and LIST under load."""

import json
import subprocess

from gbtest.apiserver import ApiServer, program
from gbtest.process import BedError, run as run_program

from . import measure
from .report import Section

_ROOT = "/apis/backup.rhoso.io/v1beta1"
_TABLE = "Accept:application/json;as=Table;v=v1;g=meta.k8s.io"
_NAMESPACES = 50  # as store_bench spreads them


def fill(folder, objects):
    run_program([program("store_bench"), "fill", folder, objects], timeout=1800)


def recovery(options, folder):
    """Each round in a process of its own, whose peak RSS is therefore the recovery's."""
    section = Section(f"Recovery of a store with {options.objects:,} objects",
                      [("wall", "wall s", 1, 3), ("cpu", "CPU s", 1, 3), ("rss", "peak RSS MB", 1e6, 1)])
    for _ in range(options.rounds):
        seen = measure.client("store_bench", [[program("store_bench"), "recover", folder]])
        figures = json.loads(seen["said"])
        if figures["objects"] != options.objects:
            raise BedError(f"{figures['objects']} of {options.objects} objects came back")
        section.add("open the catalog", {**figures, "rss": seen["rss"][0]})
    section.note("A log of one commit for each of the last 1,000 objects, and a checkpoint of those before.")
    return section


def api(options, folder):
    section = Section(f"GET and LIST of {options.objects:,} objects",
                      [("rate", "requests/s", 1, 1), ("p50", "p50 ms", 1, 2), ("p99", "p99 ms", 1, 2),
                       ("server_cpu", "server CPU ms/request", 1e-3, 3), ("client_cpu", "loader CPU ms/request", 1e-3, 3),
                       ("size", "kB/answer", 1e3, 1), ("rss", "RSS after MB", 1e6, 1), ("peak", "peak RSS MB", 1e6, 1)])
    names = [f"tenant-{i}" for i in range(_NAMESPACES)]
    with ApiServer(folder / "server", folder / "store", [], namespaces=names) as server:
        cert, key = server.client_certificate("alice", ["system:masters"])
        measure.wait_idle(server.process)  # after its start it writes a checkpoint
        idle = measure.memory(server.process)
        for _ in range(options.rounds):
            for name, connections, targets, headers in _scenarios(options):
                (folder / "targets").write_text("".join(f"{_ROOT}/{t}\n" for t in targets))
                section.add(f"{name}, {connections} connection{'s' if connections > 1 else ''}",
                            _load(server, [server.port, server.ca.cert, cert, key, connections, options.seconds,
                                           folder / "targets", *headers]))
        now = measure.memory(server.process)
    section.note(f"The server's RSS: {idle / 1e6:.1f} MB idle with all objects, {now / 1e6:.1f} MB at the end.")
    section.note(f"galera-backup-apiserver alone, TLS, client certificates, keep-alive; {options.seconds} s each; GET asks for "
                 "every object in turn, LIST for all namespaces. The loader (http_load) runs on the same cores.")
    return section


def _scenarios(options):
    """(what, connections, targets, headers). GET goes through all objects."""
    objects = [f"namespaces/tenant-{i % _NAMESPACES}/galerabackups/nightly-{i}" for i in range(options.objects)]
    every, chunk = ["galerabackups"], ["galerabackups?limit=500"]
    return [("GET", 1, objects, []), ("GET", 16, objects, []),
            ("LIST", 2, every, []), ("LIST limit=500", 2, chunk, []),
            ("LIST as Table", 2, every, [_TABLE]), ("LIST limit=500 as Table", 2, chunk, [_TABLE]),
            ("LIST limit=500 as Table, gzip (kubectl get)", 2, chunk, [_TABLE, "Accept-Encoding:gzip"])]


def _load(server, arguments):
    loader = subprocess.Popen([str(a) for a in ["setpriv", "--pdeathsig", "KILL", "--", program("http_load"), *arguments]],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        ready = loader.stdout.readline() == "ready\n"
        measure.start_peak(server.process)
        before = measure.cpu_seconds(server.process)
        said, wrong = loader.communicate("go\n" if ready else "")
        spent = measure.cpu_seconds(server.process) - before
    finally:
        loader.kill()
        loader.wait()
    if not ready or loader.returncode != 0:
        raise BedError(f"http_load {arguments}: {wrong}")
    seen = json.loads(said)
    return {"rate": seen["requests"] / seen["seconds"], "p50": seen["p50"], "p99": seen["p99"], "requests": seen["requests"],
            "server_cpu": spent / seen["requests"], "client_cpu": seen["cpu"] / seen["requests"],
            "size": seen["bytes"] / seen["requests"], "rss": measure.memory(server.process),
            "peak": measure.memory(server.process, "VmHWM")}
