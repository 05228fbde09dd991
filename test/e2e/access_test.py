"""Who may do what: refused by name, before anything is looked at."""

from support import API, BACKUPS, NAMESPACE, RESTORES, Case


class Access(Case):
    def refused(self, user, *arguments, stdin=None):
        done = user.run(*arguments, stdin=stdin)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn("(Forbidden)", done.stderr)
        return done.stderr

    def test_another_tenant_sees_nothing_and_does_nothing(self):
        backup = self.backup("private", databases=["glance"])
        self.completed(backup)
        mallory = self.bed.user("mallory")
        for arguments in (("get", BACKUPS), ("get", BACKUPS, "private"), ("get", BACKUPS, "no-such"),
                          ("get", "--raw", f"{API}/galerabackups/private/log"), ("delete", BACKUPS, "private")):
            self.assertIn('User "mallory" cannot', self.refused(mallory, *arguments))
        self.refused(mallory, "create", "-f", "-", stdin=self.backup("theirs"))
        self.refused(mallory, "create", "-f", "-", stdin=self.restore("theirs", "private"))
        self.assertTrue(self.alice.exists(BACKUPS, "private"))

    def test_a_restore_from_a_namespace_that_is_not_ones_own_is_refused(self):
        self.completed(self.backup("ours", databases=["glance"]))
        mallory = self.bed.user("mallory", namespace="other")
        theft = self.restore("theft", "ours", sourceNamespace=NAMESPACE)
        theft["metadata"]["namespace"] = "other"
        self.refused(mallory, "create", "-f", "-", stdin=theft)
        # Nor is told which there are to choose from.
        del theft["spec"]["backup"]
        for choice in ({"backup": "latest"}, {"asOf": "2100-01-01T00:00:00Z"}, {"schedule": "nightly"}):
            told = self.refused(mallory, "create", "-f", "-", stdin={**theft, "spec": {**theft["spec"], **choice}})
            self.assertNotIn("ours", told.replace("backups", ""))
            self.assertIn('galerabackups.backup.rhoso.io "" is forbidden', told)

    def test_an_editor_backs_up_and_may_not_restore_or_delete(self):
        erin = self.bed.user("erin")
        erin("create", "-f", "-", stdin=self.backup("by-erin", databases=["glance"]))
        self.wait_phase(self.backup("by-erin"), "Completed")
        self.refused(erin, "create", "-f", "-", stdin=self.restore("by-erin", "by-erin", targets={"openstack": "openstack-dr"}))
        self.refused(erin, "delete", BACKUPS, "by-erin")
        # What is held nobody deletes: that is not an editor's to say, neither then nor now.
        self.refused(erin, "patch", BACKUPS, "by-erin", "--type=merge", "-p", '{"spec": {"hold": true}}')
        held = self.refused(erin, "create", "-f", "-", stdin=self.backup("held-by-erin", databases=["glance"], hold=True))
        self.assertIn("spec.hold: true needs that right", held)

    def test_an_editor_takes_no_place_in_a_schedules_history(self):
        erin = self.bed.user("erin")
        backup = self.backup("pushes-out", databases=["glance"])
        backup["metadata"]["labels"] = {"backup.rhoso.io/schedule": "nightly"}
        refused = erin.run("create", "-f", "-", stdin=backup)
        self.assertIn("metadata.labels[backup.rhoso.io/schedule]: Forbidden: only the server itself writes", refused.stderr)
        self.assertFalse(erin.exists(BACKUPS, "pushes-out"))

    def test_a_viewer_reads(self):
        victor = self.bed.user("victor")
        victor("get", BACKUPS)
        victor("get", RESTORES)
        self.refused(victor, "create", "-f", "-", stdin=self.backup("by-victor"))

    def test_a_store_that_was_not_granted_is_refused(self):
        if len(self.bed.server.config["stores"]) < 2:
            self.skipTest("no second store: mounting is not allowed here")
        self.assertIn("tiny", self.refused(self.alice, "create", "-f", "-", stdin=self.backup("elsewhere", store="tiny")))

    def test_impersonation_is_honoured_not_ignored(self):
        admin = self.bed.control_plane.admin
        self.refused(admin, "get", BACKUPS, f"--namespace={NAMESPACE}", "--as=mallory")
        admin("get", BACKUPS, f"--namespace={NAMESPACE}", "--as=victor")
