"""What a namespace may have, and when its turn is, by kubectl: `limits` of the configuration."""

from gbtest.apiserver import instance
from gbtest.process import wait_until
from support import BACKUPS, GROUP, Case

TEAM = "team-quota"
USERS = {f"{TEAM}-count": "carla", f"{TEAM}-size": "sam", f"{TEAM}-many": "mary", f"{TEAM}-few": "fred", f"{TEAM}-single": "sybil"}


class Quota(Case):
    """Namespaces of one user each, some with limits of their own, on the database of the bed; two backups run at once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        instances = list(cls.bed.server.config["instances"])
        for namespace, user in USERS.items():
            cls.bed.control_plane.create_namespace(namespace, admins=[user])
            instances.append(instance(namespace, "main", cls.bed.galera))
        cls.reconfigured(instances=instances, limits={"parallelBackups": 2, "namespaces": [
            {"namespace": f"{TEAM}-count", "backups": 2},
            {"namespace": f"{TEAM}-size", "size": "10Ki"},
            {"namespace": f"{TEAM}-single", "parallelBackups": 1},
        ]})

    def user_of(self, namespace):
        return self.bed.user(USERS[namespace], namespace=namespace)

    def of(self, name, namespace, database="glance"):
        return {"apiVersion": f"{GROUP}/v1beta1", "kind": "GaleraBackup", "metadata": {"name": name, "namespace": namespace},
                "spec": {"databaseInstances": ["main"], "databases": [database]}}

    @staticmethod
    def path(namespace, *more):
        return "/".join([f"/apis/{GROUP}/v1beta1/namespaces/{namespace}/galerabackups", *more])

    def made(self, user, name, namespace):
        user("create", "-f", "-", stdin=self.of(name, namespace))
        user("wait", "--for=condition=Completed", f"{BACKUPS}/{name}", "--timeout=120s")

    def undelete(self, user, name, namespace):
        return user.run("create", "--raw", self.path(namespace, name, "undelete"), "-f", "/dev/null")

    def exceeds(self, done, *words):
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn("(Forbidden)", done.stderr)
        for word in ("exceeded quota of namespace", *words):
            self.assertIn(word, done.stderr)

    def test_no_more_backups_than_that_until_one_is_deleted(self):
        namespace = f"{TEAM}-count"
        carla = self.user_of(namespace)
        self.made(carla, "one", namespace)
        self.made(carla, "two", namespace)
        third = self.of("three", namespace)
        for dry in ([], ["--dry-run=server"]):
            self.exceeds(carla.run("create", *dry, "-f", "-", stdin=third), "backups: used 2, limited to 2", "delete a backup")
        self.assertFalse(carla.exists(BACKUPS, "three"))
        carla("delete", BACKUPS, "one")
        self.made(carla, "three", namespace)
        self.exceeds(self.undelete(carla, "one", namespace), "backups: used 2")
        self.assertEqual(self.alice.run("create", "--dry-run=server", "-f", "-", stdin=self.backup("elsewhere")).returncode, 0)

    def test_bytes_are_counted_with_the_trash_and_undelete_takes_none(self):
        namespace = f"{TEAM}-size"
        sam = self.user_of(namespace)
        self.made(sam, "one", namespace)
        told = ("bytes in the stores: used", "limited to 10Ki", "delete backups")
        self.exceeds(sam.run("create", "-f", "-", stdin=self.of("two", namespace)), *told)
        sam("delete", BACKUPS, "one")
        self.exceeds(sam.run("create", "-f", "-", stdin=self.of("two", namespace)), *told)
        self.assertEqual(self.undelete(sam, "one", namespace).returncode, 0)
        self.assertTrue(sam.exists(BACKUPS, "one"))

    def queue(self, namespace, **phases):
        """Creates backups one after the other that dump the table which hold_dumps() locks; each comes to the phase that is told."""
        user = self.user_of(namespace)
        for name, phase in phases.items():
            self.addCleanup(user.run, "delete", BACKUPS, name, "--wait=false")
            user("create", "--raw", self.path(namespace) + "?timeout=1s", "-f", "-", stdin=self.of(name, namespace, "nova_cell1"))
            wait_until(f"backup {name} to be {phase}", lambda: user.json("get", BACKUPS, name)["status"]["phase"] == phase, 60)
            if phase == "Pending":
                self.assertIn("waits for its turn", user.raw(self.path(namespace, name, "log")))

    def let_go(self, held, *names):
        """[(name, phase)]: what becomes of these backups from when the dumps go on until all have completed, without repetitions."""
        lines = self.lines_of(self.bed.control_plane.admin.argv(
            "get", BACKUPS, "--all-namespaces", "--watch", "--no-headers", "-o",
            "custom-columns=NAMESPACE:.metadata.namespace,NAME:.metadata.name,PHASE:.status.phase"))

        def changes():
            seen = [(name, phase) for namespace, name, phase in map(str.split, lines) if namespace in USERS and name in names]
            return list(dict.fromkeys(seen))
        wait_until("the watch to show them all", lambda: len(changes()) == len(names), 30)
        held.close()
        wait_until("all to complete", lambda: sum(phase == "Completed" for _, phase in changes()) == len(names), 120)
        self.assertEqual({phase for _, phase in changes()} - {"Pending", "Running", "Verifying", "Completed"}, set())
        return changes()[len(names):]

    def test_a_long_queue_does_not_hold_up_another_namespace(self):
        held = self.hold_dumps()
        self.queue(f"{TEAM}-many", m1="Running", m2="Running", m3="Pending", m4="Pending", m5="Pending")
        self.queue(f"{TEAM}-few", f1="Pending")
        began = [name for name, phase in self.let_go(held, "m1", "m2", "m3", "m4", "m5", "f1") if phase == "Running"]
        self.assertEqual(began, ["f1", "m3", "m4", "m5"])

    def test_one_at_a_time_where_no_more_is_allowed_and_others_are_not_held_up_by_it(self):
        held = self.hold_dumps()
        # The second slot is free, and not for her; who comes later gets it.
        self.queue(f"{TEAM}-single", s1="Running", s2="Pending", s3="Pending")
        self.queue(f"{TEAM}-few", f1="Running")
        changes = self.let_go(held, "s1", "s2", "s3", "f1")
        hers = [change for change in changes if change[0].startswith("s") and change[1] in ("Running", "Completed")]
        self.assertEqual(hers, [("s1", "Completed"), ("s2", "Running"), ("s2", "Completed"), ("s3", "Running"), ("s3", "Completed")])
