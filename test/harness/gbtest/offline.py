"""kubectl-galera on a repository in a directory: the commands that need no control plane."""

import json
import sys

from .apiserver import program
from .process import BedError, Process, run

# What a program's parent held before the exec counts as its own: this one holds next to nothing.
_MEASURED = ("import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
             "print('peak:', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)")


class Offline:
    def __init__(self, store):
        self.store = store

    def argv(self, *arguments, cluster=None):
        """With a cluster, whose first node applications use: what works on one and prints an object."""
        where = [] if cluster is None else ["--nodes", ",".join(cluster.endpoints), "--active-node", cluster.endpoints[0],
                                            "--password-file", cluster.password_file, "-o", "json"]
        return [program("kubectl-galera"), "local", *arguments, *where, "--store", self.store]

    def __call__(self, *arguments, cluster=None):
        """Runs to the end; returns the object, or without a cluster what was said."""
        said = self.run(*arguments, cluster=cluster).stdout
        return json.loads(said) if cluster is not None else said

    def measured(self, *arguments, cluster, through=()):
        """Runs to the end; returns the object, and the most bytes that the program had resident."""
        done = self.run(*arguments, cluster=cluster, through=(*through, sys.executable, "-S", "-c", _MEASURED))
        return json.loads(done.stdout), int(done.stderr.rpartition("peak:")[2]) * 1024

    def run(self, *arguments, cluster=None, expect=0, through=()):
        done = run([*through, *self.argv(*arguments, cluster=cluster)], check=False, timeout=600)
        if done.returncode != expect:
            raise BedError(f"{' '.join(map(str, arguments))}: exit code {done.returncode}\n{done.stdout[-2000:]}"
                           f"{done.stderr[-4000:]}")
        return done

    def job_log(self, job):
        """What a job told of itself while it ran."""
        meta = job["metadata"]
        return (self.store / "joblog" / meta["namespace"] / meta["uid"]).read_text()

    def start(self, log, *arguments, cluster):
        """Runs beside the test, which may stop, continue and kill it."""
        return Process(f"kubectl-galera local {arguments[0]}", self.argv(*arguments, cluster=cluster), log)


def printed(said):
    """The object that stands among what a command said; None when it printed none."""
    at = said.find("{\n")
    return None if at < 0 else json.JSONDecoder().raw_decode(said, at)[0]
