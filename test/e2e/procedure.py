"""docs/restore-procedure.md as tests run it: its commands, word for word."""

import re
import subprocess
import textwrap

from gbtest import place

DOCUMENT = place.REPO / "docs/restore-procedure.md"
# Those that begin where everything but the repository is lost: recovery_test.py follows them, procedure_test.py the others.
LOST_SITE = ["A lost site: new Kubernetes, new server, new empty Galera cluster", "A lost site without any Kubernetes"]
FENCE = re.compile(r"^( *)```(.*)$", re.M)


def sections():
    """{heading: its blocks of commands} of those that have any. Every fence is of a block of commands: others would not be run."""
    found = {}
    for part in re.split(r"^## ", DOCUMENT.read_text(), flags=re.M)[1:]:
        fences = list(FENCE.finditer(part))
        for opened, closed in zip(fences[::2], fences[1::2], strict=True):
            if (opened[2], closed[2]) != ("sh", ""):
                raise AssertionError(f"{DOCUMENT.name}: a block between {opened[0]!r} and {closed[0]!r}, which is no ```sh")
            found.setdefault(part.splitlines()[0], []).append(textwrap.dedent(part[opened.end():closed.start()]))
    return found


class Reader:
    """Follows the document in one folder; `followed` are the sections that were."""

    def __init__(self, folder, environment):
        self.followed = []
        self._folder = folder
        self._environment = environment

    def follow(self, heading):
        """What each block of the section printed."""
        self.followed.append(heading)
        return [self.run(block) for block in sections()[heading]]

    def run(self, block):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=self._folder, env=self._environment,
                              capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise AssertionError(f"{block}\n{done.stdout}{done.stderr}")
        return done.stdout
