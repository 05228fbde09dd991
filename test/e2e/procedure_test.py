"""docs/restore-procedure.md, word for word: its commands are taken out of it and run in order."""

import shutil

from gbtest import place, proof
from gbtest.plugin import Plugin
from procedure import LOST_SITE, Reader, sections
from support import BACKUPS, RESTORES, Case


class Procedure(Case):
    def setUp(self):
        self.folder = place.new_folder()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        plugin = Plugin(self.folder, self.alice.program, self.alice.kubeconfig)
        (self.folder / "plugin-bin" / "kubectl").symlink_to(self.alice.program)
        self.reader = Reader(self.folder, plugin.environment)
        for name in ("after-incident", "back", "beside", "with-plugin", "back-with-plugin"):
            self.addCleanup(self._delete, RESTORES, name)
            self.addCleanup(self._delete, BACKUPS, f"{name}-safety")

    def test_the_procedure(self):
        cluster, follow = self.bed.galera, self.reader.follow
        self.completed(self.backup("before-update"))
        before = proof.fingerprint(cluster)
        cluster.sql("DROP TABLE keystone.role; UPDATE glance.images SET name = 'all the same'")
        wrong = proof.fingerprint(cluster)
        try:
            *_, planned, failed_checks, status = follow("Before anything: what must be true")
            self.assertIn("onlyInBackup", planned)
            self.assertEqual(failed_checks, "")
            self.assertIn("RESTORE TAKES", status)
            self.a_failed_check_is_printed()
            self.assertEqual(proof.fingerprint(cluster), wrong, "a look changes nothing")
            self.assertIn("Completed", follow("One cluster, something went wrong")[0])
            self.assertEqual(proof.fingerprint(cluster), before)
            follow("Going back")
            self.assertEqual(proof.fingerprint(cluster), wrong)
            self.assertEqual(follow("The same with the plugin")[0].count(": Completed"), 2)
            self.assertEqual(proof.fingerprint(cluster), wrong)
            follow("One schema beside the live one")
            self.assertIn("nova_cell1_old", cluster.schemas())
        finally:
            cluster.sql("DROP DATABASE IF EXISTS nova_cell1_old")
            self.completed(self.restore("as-it-was", "before-update", existing="Replace", safetyBackup=False))
            self.assertEqual(proof.fingerprint(cluster), before)
        self.assertEqual(self.reader.followed, [heading for heading in sections() if heading not in LOST_SITE])

    def a_failed_check_is_printed(self):
        """The command whose silence is the answer is not always silent."""
        block = sections()["Before anything: what must be true"][-2]
        self.reader.run("sed -i 's/existing: Replace/existing: Fail/' restore.yaml")
        self.assertRegex(self.reader.run(block), r"(?m)^Schemas: .*keystone")
        self.reader.run("sed -i 's/existing: Fail/existing: Replace/' restore.yaml")
