"""What a process of the local stack is, and how one is started and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")
# Every distribution has it, it owns nothing, and PostgreSQL only asks not to be root.
ORDINARY_USER = "nobody"


def nothing() -> None:
    """Does nothing."""


@dataclass(frozen=True)
class ProcessSpec:
    """How to run one process.

    `prepare` runs before every start and `settle` once after the process first answers; both
    may be repeated. `probe` returns "" when the process is ready, else what it still lacks; it
    answers within 2 s. A `once` process is ready when it has ended with exit code 0.
    """

    name: str
    argv: tuple[str, ...]
    folder: Path
    probe: Callable[[], str]
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    prepare: Callable[[], None] = nothing
    settle: Callable[[], None] = nothing
    after: tuple[str, ...] = ()
    once: bool = False
    ordinary_user: bool = False
    """True for a program that refuses to run as root."""
    stop_signal: int = signal.SIGTERM
    stop_s: float = 15.0
    """Grace after `stop_signal`, seconds; then SIGKILL."""
    orphan_signal: int = signal.SIGKILL
    """What the process gets when the supervisor dies."""
    ready_s: float = 60.0
    leftovers: tuple[Path, ...] = ()
    """Files outside `folder` that the program leaves behind; deleted after its end."""

    def tidy(self) -> None:
        """Deletes the leftovers."""
        for path in self.leftovers:
            path.unlink(missing_ok=True)


class StartError(RuntimeError):
    """A process did not become ready; the message holds the end of its log."""


def beside_python(program: str) -> str:
    """Path of a program installed into the running Python's environment.

    Raises StartError when it is not there.
    """
    path = Path(sys.executable).parent / program
    if not path.exists():
        raise StartError(f"{program} is not installed beside {sys.executable}; run `make setup`")
    return str(path)


def as_ordinary_user(spec: ProcessSpec) -> bool:
    """True when the process must change its user because we are root."""
    return spec.ordinary_user and os.geteuid() == 0


def launch_argv(spec: ProcessSpec) -> list[str]:
    """The command line that starts the process bound to the life of this one."""
    user = ORDINARY_USER if as_ordinary_user(spec) else "-"
    bound = [str(os.getpid()), str(int(spec.orphan_signal)), user, "--"]
    return [sys.executable, "-I", "-S", str(LAUNCHER), *bound, *spec.argv]


def http_probe(url: str, accept: Sequence[int] = (200,)) -> str:
    """Asks `url` once; "" when it answers one of the statuses, within 2 s."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own loopback URL
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError as error:
        return f"no answer from {url}: {error}"
    return "" if status in accept else f"{url} answers {status}"


class Running:
    """A started process (blocking interface, for tests and tools)."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.log = spec.folder / f"{spec.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id; raises StartError when it does not run."""
        if self.process is None:
            raise StartError(f"{self.spec.name} is not running")
        return self.process.pid

    def start(self) -> None:
        """Starts the process and waits until it answers; raises StartError when it does not."""
        spec = self.spec
        spec.folder.mkdir(parents=True, exist_ok=True)
        spec.prepare()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - argv of our own specs, no shell
                launch_argv(spec),
                cwd=spec.folder,
                env={**os.environ, **spec.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_ready()
        spec.settle()

    def _wait_ready(self) -> None:
        process, lacks = self.process, "nothing was tried"
        deadline = time.monotonic() + self.spec.ready_s
        while process is not None and time.monotonic() < deadline:
            code = process.poll()
            if code is not None and (code != 0 or not self.spec.once):
                raise StartError(f"{self.spec.name} ended with {code}:\n{self._tail()}")
            lacks = self.spec.probe() if not self.spec.once else "" if code == 0 else "still running"
            if not lacks:
                return
            time.sleep(0.05)
        self.stop()
        raise StartError(f"{self.spec.name} is not ready: {lacks}\n{self._tail()}")

    def _tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """Kills the process at once (SIGKILL) and waits for its end."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stops the process, by force after its grace."""
        self._end(self.spec.stop_signal)

    def _end(self, number: int) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(self.spec.stop_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
        self.spec.tidy()

    def restart(self) -> None:
        """Stops and starts the process."""
        self.stop()
        self.start()


@contextmanager
def run(specs: Sequence[ProcessSpec]) -> Iterator[dict[str, Running]]:
    """Runs processes one after the other in the given order; stops them in reverse at the end."""
    started: list[Running] = []
    try:
        for spec in specs:
            running = Running(spec)
            started.append(running)
            running.start()
        yield {running.spec.name: running for running in started}
    finally:
        for running in reversed(started):
            running.stop()
