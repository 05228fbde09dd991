"""The test bed: real Galera clusters, a real Kubernetes control plane and our server, started and stopped by tests.

Standard library only. Everything listens on loopback addresses of its own, so that several beds can run on one
machine at once, and everything that is started is stopped by process id, also when the test fails or is killed.
"""
