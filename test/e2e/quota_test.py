"""What a namespace may have, by kubectl: `limits.namespaces` of the configuration."""

from gbtest.apiserver import instance
from support import BACKUPS, GROUP, Case

TEAM = "team-quota"


class Quota(Case):
    """Two namespaces of two users with limits of their own, on the database of the bed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        instances = list(cls.bed.server.config["instances"])
        for name, user in ((f"{TEAM}-count", "carla"), (f"{TEAM}-size", "sam")):
            cls.bed.control_plane.create_namespace(name, admins=[user])
            instances.append(instance(name, "main", cls.bed.galera))
        cls.reconfigured(instances=instances, limits={"namespaces": [
            {"namespace": f"{TEAM}-count", "backups": 2},
            {"namespace": f"{TEAM}-size", "size": "10Ki"},
        ]})

    def of(self, name, namespace):
        return {"apiVersion": f"{GROUP}/v1beta1", "kind": "GaleraBackup", "metadata": {"name": name, "namespace": namespace},
                "spec": {"databaseInstances": ["main"], "databases": ["glance"]}}

    def made(self, user, name, namespace):
        user("create", "-f", "-", stdin=self.of(name, namespace))
        user("wait", "--for=condition=Completed", f"{BACKUPS}/{name}", "--timeout=120s")

    def undelete(self, user, name, namespace):
        return user.run("create", "--raw", f"/apis/{GROUP}/v1beta1/namespaces/{namespace}/galerabackups/{name}/undelete", "-f", "/dev/null")

    def exceeds(self, done, *words):
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn("(Forbidden)", done.stderr)
        for word in ("exceeded quota of namespace", *words):
            self.assertIn(word, done.stderr)

    def test_no_more_backups_than_that_until_one_is_deleted(self):
        namespace = f"{TEAM}-count"
        carla = self.bed.user("carla", namespace=namespace)
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
        sam = self.bed.user("sam", namespace=namespace)
        self.made(sam, "one", namespace)
        told = ("bytes in the stores: used", "limited to 10Ki", "delete backups")
        self.exceeds(sam.run("create", "-f", "-", stdin=self.of("two", namespace)), *told)
        sam("delete", BACKUPS, "one")
        self.exceeds(sam.run("create", "-f", "-", stdin=self.of("two", namespace)), *told)
        self.assertEqual(self.undelete(sam, "one", namespace).returncode, 0)
        self.assertTrue(sam.exists(BACKUPS, "one"))
