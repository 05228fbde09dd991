"""docs/restore-procedure.md, word for word: its commands are taken out of it and run in order."""

import re
import shutil
import subprocess
import textwrap

from gbtest import place, proof
from gbtest.plugin import Plugin
from support import BACKUPS, RESTORES, Case

DOCUMENT = place.REPO / "docs/restore-procedure.md"


def sections():
    """(heading, its commands) of those that have any."""
    found = {}
    for part in re.split(r"^## ", DOCUMENT.read_text(), flags=re.M)[1:]:
        blocks = re.findall(r"^( *)```sh\n(.*?)^ *```$", part, flags=re.M | re.S)
        if blocks:
            found[part.splitlines()[0]] = [textwrap.dedent(text) for _, text in blocks]
    return found


class Procedure(Case):
    def setUp(self):
        self.folder = place.new_folder()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.plugin = Plugin(self.folder, self.alice.program, self.alice.kubeconfig)
        kubectl = self.folder / "plugin-bin" / "kubectl"
        kubectl.symlink_to(self.alice.program)
        for name in ("after-incident", "back", "beside"):
            self.addCleanup(self._delete, RESTORES, name)
        for name in ("after-incident-safety", "back-safety"):
            self.addCleanup(self._delete, BACKUPS, name)

    def follow(self, heading):
        """Runs the commands of a section; what they printed."""
        blocks = sections()[heading]
        printed = ""
        for block in blocks:
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=self.folder, env=self.plugin.environment,
                                  capture_output=True, text=True, timeout=600)
            self.assertEqual(done.returncode, 0, f"{block}\n{done.stdout}{done.stderr}")
            printed += done.stdout
        return printed

    def test_every_section_with_commands_is_run(self):
        self.assertEqual(list(sections()), ["Before anything: what must be true", "One cluster, something went wrong", "Going back",
                                            "One schema beside the live one"])

    def test_the_procedure(self):
        cluster = self.bed.galera
        self.completed(self.backup("before-update"))
        before = proof.fingerprint(cluster)
        cluster.sql("DROP TABLE keystone.role; UPDATE glance.images SET name = 'all the same'")
        wrong = proof.fingerprint(cluster)
        try:
            printed = self.follow("Before anything: what must be true")
            self.assertIn("onlyInBackup", printed)
            self.assertIn("RESTORE TAKES", printed)
            self.assertEqual(proof.fingerprint(cluster), wrong, "a look changes nothing")
            self.assertIn("Completed", self.follow("One cluster, something went wrong"))
            self.assertEqual(proof.fingerprint(cluster), before)
            self.follow("Going back")
            self.assertEqual(proof.fingerprint(cluster), wrong)
            self.follow("One schema beside the live one")
            self.assertIn("nova_cell1_old", cluster.schemas())
        finally:
            cluster.sql("DROP DATABASE IF EXISTS nova_cell1_old")
            self.completed(self.restore("as-it-was", "before-update", existing="Replace", safetyBackup=False))
            self.assertEqual(proof.fingerprint(cluster), before)
