"""The commands of `test/harness/bed`."""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from . import control, place, process
from .bed import Bed
from .galera import Galera
from .process import BedError

_FRONT = pathlib.Path(__file__).resolve().parents[1] / "bed"


def main(argv=None):
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, command = arguments[:at], arguments[at + 1:]
    options = _parser().parse_args(arguments)
    options.command = command
    try:
        return options.run(options) or 0
    except BedError as error:
        print(f"bed: {error}", file=sys.stderr)
        return 1
    finally:
        process.stop_all()


def _parser():
    parser = argparse.ArgumentParser(prog="bed", description="Real Galera clusters and control planes for tests.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    galera = commands.add_parser("galera", help="start a Galera cluster, run CMD, stop everything; exit code of CMD",
                                 usage="bed galera [options] -- CMD…")
    galera.add_argument("--nodes", type=int, default=3)
    galera.add_argument("--binlog", action=argparse.BooleanOptionalAction, default=True)
    galera.add_argument("--tls", action="store_true", help="require TLS; the CA is in GB_TEST_CA_FILE")
    galera.add_argument("--second", action="store_true", help="a second, empty cluster too: GB_TEST_NODES2 …")
    galera.add_argument("--redo-log", default="16M", help="innodb_log_file_size of each node (MariaDB's default: 96M)")
    galera.add_argument("--buffer-pool", default="32M", help="innodb_buffer_pool_size of each node (benchmarks: 512M)")
    galera.add_argument("--keep-folder", action="store_true", help="leave data and logs behind, to look at")
    galera.set_defaults(run=_galera)

    up = commands.add_parser("up", help="start Galera, a control plane and our server; stay until ^C, or --background")
    up.add_argument("--standalone", action="store_true", help="no control plane: kubectl straight at our server")
    up.add_argument("--second", action="store_true", help="a second, empty Galera too: the instance openstack-dr")
    up.add_argument("--tls", action="store_true", help="Galera requires TLS")
    up.add_argument("--background", action="store_true", help="return when all is up; `bed down` ends it")
    up.set_defaults(run=_up)

    down = commands.add_parser("down", help="end a bed that runs in the background")
    down.add_argument("folder", help="what `bed up` printed")
    down.set_defaults(run=_down)

    node = commands.add_parser("node", help="a fault, from inside a bed: " + ", ".join(control.VERBS))
    node.add_argument("node", help="1, 2, 3, or second/1 …")
    node.add_argument("verb", choices=control.VERBS)
    node.set_defaults(run=_node)
    return parser


def _galera(options):
    if not options.command:
        raise BedError("nothing to run: bed galera [options] -- CMD…")
    process.exit_on_signals()
    folder = place.new_folder()
    clusters = {}
    try:
        env = {"GB_TEST_BED": str(folder), "GB_TEST_BED_TOOL": str(_FRONT)}
        started = time.monotonic()
        wanted = [("galera", 1, "")] + ([("second", 2, "2")] if options.second else [])
        for name, template, suffix in wanted:
            clusters[name] = Galera(folder / name, options.nodes, options.binlog, options.tls, options.buffer_pool,
                                    redo_log=options.redo_log, template=template)
            clusters[name].start()
            env.update(clusters[name].environment(suffix))
        print(f"bed: {', '.join(clusters)} up in {time.monotonic() - started:.1f} s at {env['GB_TEST_NODES']}",
              file=sys.stderr)
        control.ControlServer(folder, clusters)
        return _run_command(options.command, env)
    finally:
        for cluster in clusters.values():
            cluster.stop()
        if options.keep_folder:
            place.keep_folder(folder)
            print(f"bed: data and logs are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _up(options):
    done = process.in_background_once_done() if options.background else None
    process.exit_on_signals()
    with Bed(standalone=options.standalone, second=options.second, tls=options.tls) as bed:
        print(f"bed: up in {bed.folder}\n"
              f"  look around:  source {bed.folder}/env; kubectl get galerabackups\n"
              f"  end it:       " + (f"{_FRONT} down {bed.folder}" if options.background else "^C"), flush=True)
        if done:
            done(0)
        signal.pause()


def _down(options):
    folder = pathlib.Path(options.folder)
    try:
        pid = int((folder / "pid").read_text())
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError) as error:
        raise BedError(f"no bed runs in {folder}: {error}") from None
    process.wait_until(f"the bed in {folder} to end", lambda: not folder.exists(), 90)


def _run_command(command, env):
    """In the foreground, in our process group, so that ^C reaches it too."""
    try:
        child = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *command], env={**os.environ, **env})
    except FileNotFoundError:
        raise BedError("setpriv (util-linux) is not installed") from None
    try:
        code = child.wait()
    except BaseException:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        raise
    return code if code >= 0 else 128 - code


def _node(options):
    seconds = control.ask(options.node, options.verb)
    print(f"node {options.node}: {options.verb} done in {seconds} s")
