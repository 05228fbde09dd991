"""A program on a machine that has little time for it: it is held up again and again, wherever it happens to be."""

import signal
import threading


class Slowed:
    """For the duration of the block a process runs in bits of some milliseconds, and stands still in between."""

    def __init__(self, process, chance, run=(0.002, 0.03), stand=(0.02, 0.2)):
        self._process = process
        self._chance = chance
        self._run, self._stand = run, stand
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._hold_up)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _hold_up(self):
        while not self._end.wait(self._chance.uniform(*self._run)) and self._process.running():
            self._process.signal(signal.SIGSTOP)
            self._end.wait(self._chance.uniform(*self._stand))
            self._process.signal(signal.SIGCONT)
