"""What is wrong comes back at once, as a Status that says what is wrong and what to do; nothing is created."""

from support import BACKUPS, Case


class BadInput(Case):
    def test_an_unknown_instance(self):
        self.create_fails(self.backup("b", ["no-such"]), "NotFound", 'there is no database instance "no-such"', hint="known there: ")

    def test_no_instance_at_all(self):
        self.create_fails(self.backup("b", []), "Invalid", "databaseInstances", hint=None)

    def test_an_unreachable_cluster(self):
        said = self.create_fails(self.backup("b", ["unreachable"]), "ServiceUnavailable", "unreachable",
                                 hint="check that the server runs and that")
        self.assertRegex(said, r"127\.\d+\.\d+\.\d:9")

    def test_a_wrong_password(self):
        self.create_fails(self.backup("b", ["wrong-password"]), "Forbidden", "wrong-password", "password", "root",
                          hint="check the user and the password")

    def test_a_user_without_privileges(self):
        self.create_fails(self.backup("b", ["no-privileges"]), "Forbidden", "poor", "lacks the privilege", hint="GRANT ")

    def test_a_schema_that_is_not_there(self):
        self.create_fails(self.backup("b", databases=["keystone", "nowhere"]), "Invalid", 'there is no schema "nowhere"',
                          hint="name only schemas that are there")

    def test_a_name_that_is_taken(self):
        backup = self.backup("taken", databases=["glance"])
        self.completed(backup)
        self.create_fails(backup, "AlreadyExists", '"taken" already exists', hint=None)

    def test_wrong_values_are_all_named(self):
        said = self.create_fails(self.backup("b", content="Everything", threads=0, ttl="soon"), "Invalid", hint='supported values: "All"')
        for field in ("spec.content", "spec.threads", "spec.ttl"):
            self.assertIn(field, said)

    def test_unknown_fields_are_refused_when_strict_and_warned_about_otherwise(self):
        wrong = self.backup("typo", databases=["glance"], treads=8)
        strict = self.alice.run("create", "--validate=strict", "-f", "-", stdin=wrong)
        self.assertNotEqual(strict.returncode, 0)
        self.assertIn('unknown field "spec.treads"', strict.stderr)
        self.assertFalse(self.alice.exists(BACKUPS, "typo"))
        warned = self.alice.run("create", "--validate=warn", "-f", "-", stdin=wrong)
        self.assertEqual(warned.returncode, 0, warned.stderr)
        self.assertIn('Warning: unknown field "spec.treads"', warned.stderr)
        self.assertNotIn("treads", self.wait_phase(wrong, "Completed")["spec"])

    def test_the_spec_cannot_be_changed_afterwards(self):
        self.completed(self.backup("fixed", databases=["glance"]))
        done = self.alice.run("patch", BACKUPS, "fixed", "--type=merge", "-p", '{"spec": {"threads": 9}}')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("spec.threads", done.stderr)
        for kind in ((), ("--type=strategic",), ("--type=merge",)):
            self.alice("patch", BACKUPS, "fixed", *kind, "-p", '{"spec": {"ttl": "24h"}}')

    def test_a_restore_of_what_is_not_there(self):
        self.create_fails(self.restore("r", "no-such"), "NotFound", "no-such", hint="kubectl get galerabackups")

    def test_a_restore_of_a_schema_that_the_backup_lacks(self):
        self.completed(self.backup("small", databases=["glance"]))
        self.create_fails(self.restore("r", "small", databases=["keystone"]), "Invalid", "keystone", hint="it holds: glance")

    def test_a_restore_to_an_unknown_target(self):
        self.completed(self.backup("small-2", databases=["glance"]))
        self.create_fails(self.restore("r", "small-2", targets={"openstack": "no-such"}), "NotFound", "no-such",
                          hint="known there: ")

    def test_a_namespace_that_does_not_exist(self):
        admin = self.bed.control_plane.admin
        backup = self.backup("b")
        backup["metadata"]["namespace"] = "no-such-namespace"
        done = admin.run("create", "-f", "-", stdin=backup)
        self.assertIn('namespaces "no-such-namespace" not found', done.stderr)
