"""kubectl as one user of one cluster."""

import json
import pathlib

from .process import BedError, run


class Kubectl:
    """`Kubectl(...)("get", "pods")` returns the standard output; errors raise BedError with what kubectl said."""

    def __init__(self, program, kubeconfig, namespace=None):
        self.program = str(program)
        self.kubeconfig = pathlib.Path(kubeconfig)
        self.namespace = namespace

    def argv(self, *arguments):
        # A discovery cache of its own: one that another bed left would show what is not there.
        cache = self.kubeconfig.with_suffix(".cache")
        own = [self.program, f"--kubeconfig={self.kubeconfig}", f"--cache-dir={cache}"]
        return own + ([f"--namespace={self.namespace}"] if self.namespace else []) + [str(a) for a in arguments]

    def run(self, *arguments, stdin=None, check=False, timeout=120):
        """The CompletedProcess: for tests that look at exit codes, warnings and errors."""
        if isinstance(stdin, (dict, list)):
            stdin = json.dumps(stdin)
        return run(self.argv(*arguments), stdin=stdin, check=check, timeout=timeout)

    def __call__(self, *arguments, stdin=None, timeout=120):
        return self.run(*arguments, stdin=stdin, check=True, timeout=timeout).stdout

    def json(self, *arguments, **options):
        return json.loads(self(*arguments, "-o", "json", **options))

    def raw(self, path, timeout=30):
        return self("get", "--raw", path, timeout=timeout)

    def exists(self, *arguments):
        done = self.run("get", *arguments, "-o", "name")
        if done.returncode == 0:
            return True
        if "NotFound" in done.stderr or "not found" in done.stderr:
            return False
        raise BedError(f"kubectl get {' '.join(map(str, arguments))}: {done.stderr.strip()}")

    def create(self, manifest, *arguments, timeout=120):
        """`kubectl create -f -` of a dictionary; returns the object as the server answered."""
        return json.loads(self("create", "-f", "-", "-o", "json", *arguments, stdin=manifest, timeout=timeout))
