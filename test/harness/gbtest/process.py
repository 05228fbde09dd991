"""Child processes that cannot outlive the test that started them."""

import atexit
import os
import queue
import signal
import subprocess
import threading
import time


class BedError(Exception):
    """Something of the test bed did not do what it should; the text says what and where to look."""


class _Spawner:
    """Starts every child from one thread that lives as long as the program.

    The kernel delivers the parent-death signal when the *thread* that started a child ends, not the program: a
    child started from a short-lived worker thread would be killed with it.
    """

    def __init__(self):
        self._jobs = queue.SimpleQueue()
        self._thread = None
        self._lock = threading.Lock()

    def popen(self, *args, **kwargs):
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="spawner")
                self._thread.start()
        answer = queue.SimpleQueue()
        self._jobs.put((args, kwargs, answer))
        result = answer.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def _run(self):
        while True:
            args, kwargs, answer = self._jobs.get()
            try:
                answer.put(subprocess.Popen(*args, **kwargs))
            except BaseException as error:  # handed to the caller, whatever it is
                answer.put(error)


_spawner = _Spawner()
_live = []  # in order of start; stopped in reverse


class Process:
    """A running program with a log file, in a process group of its own, killed with us at the latest."""

    def __init__(self, name, argv, log, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log = str(log)
        with open(self.log, "ab") as out:
            self._child = _spawner.popen(
                ["setpriv", "--pdeathsig", "KILL", "--"] + self.argv,
                stdin=stdin, stdout=stdout or out, stderr=out, cwd=cwd, start_new_session=True, text=True,
                env=None if env is None else {**os.environ, **env})
        self.stdin, self.stdout = self._child.stdin, self._child.stdout  # of those that were asked for as pipes
        self.pid = self._child.pid
        _live.append(self)

    def running(self):
        return self._child.poll() is None

    @property
    def returncode(self):
        return self._child.poll()

    def signal(self, number):
        """To the program alone, not to its children."""
        if self.running():
            os.kill(self.pid, number)

    def wait(self, timeout):
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise BedError(f"{self.name} (pid {self.pid}) did not end within {timeout} s; log: {self.log}") from None

    def kill(self):
        """SIGKILL to the whole group: what a power cut looks like to the program."""
        self._kill_group()
        self._child.wait()
        self._forget()

    def stop(self, grace=20):
        """Asks politely, then insists. Returns the exit code."""
        if self.running():
            try:
                os.kill(self.pid, signal.SIGTERM)
                os.kill(self.pid, signal.SIGCONT)  # a stopped program could not obey
                self._child.wait(grace)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                pass
        self._kill_group()  # whatever children it left, too
        self._child.wait()
        self._forget()
        return self._child.returncode

    def tail(self, lines=25):
        try:
            with open(self.log, errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            return ""

    def _kill_group(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def _forget(self):
        if self in _live:
            _live.remove(self)


def stop_all():
    for process in reversed(list(_live)):
        process.stop(grace=5)


atexit.register(stop_all)


def exit_on_signals():
    """Makes SIGTERM, SIGINT and SIGHUP end the program through its `finally` blocks."""
    def leave(number, _frame):
        for other in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)  # the clean-up is not to be interrupted
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)


def in_background_once_done():
    """Splits in two: the parent waits until the child calls the returned function, and exits with its code.

    The child owns all servers, and can stay behind with them in the background. To be called before any thread runs.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        os.setsid()  # ^C on the terminal is the parent's business

        def done(code):
            os.write(write_end, bytes([code]))
            os.close(write_end)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
        return done
    os.close(write_end)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda n, _: os.kill(child, n))
    with os.fdopen(read_end, "rb") as pipe:
        code = pipe.read(1)
    if not code:  # the child ended without a word, and tells by its exit code why
        status = os.waitpid(child, 0)[1]
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF or 1)
    os._exit(code[0])


def wait_until(what, condition, timeout, process=None, interval=0.1):
    """Polls until `condition()` is true and returns its value; fails early when `process` has ended."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except BedError as error:
            last = error
        if process is not None and not process.running():
            raise BedError(f"{process.name} ended with code {process.returncode} while waiting for {what}; "
                           f"its log {process.log} ends:\n{process.tail()}")
        if time.monotonic() > deadline:
            log = f"; log {process.log} ends:\n{process.tail()}" if process else ""
            raise BedError(f"waited {timeout} s in vain for {what}{': ' + str(last) if last else ''}{log}")
        time.sleep(interval)


def run(argv, check=True, timeout=120, stdin=None, env=None, cwd=None):
    """Runs a short program; returns the CompletedProcess with text output."""
    argv = [str(a) for a in argv]
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout,
                              env=None if env is None else {**os.environ, **env}, cwd=cwd,
                              **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    except subprocess.TimeoutExpired:
        raise BedError(f"{' '.join(argv)}: no end after {timeout} s") from None
    except FileNotFoundError:
        raise BedError(f"{argv[0]} is not installed: run scripts/install-deps testbed") from None
    if check and done.returncode != 0:
        raise BedError(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done
