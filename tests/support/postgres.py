"""A PostgreSQL server of the tests' own, on a loopback port and in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.support.child_processes import child_process

USER = "tester"
PASSWORD = "s3cret/word"
SECONDS = 60


class Server:
    """A server that runs.

    Args:
        port: The port that it listens on.
        home: The folder of its data and its log.
    """

    def __init__(self, port: int, home: Path) -> None:
        self.port = port
        self.home = home
        self._numbers = count(1)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database."""
        name = f"registry_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, database: str, password: str = PASSWORD) -> str:
        """The URL of a database."""
        return f"postgresql://{USER}:{password.replace('/', '%2F')}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement outside of a transaction."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())


def binaries() -> Path | None:
    """The folder of the server's programs: on the path, or where Debian puts them; ``None`` without them."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[4]))
    return found[-1].parent if found else None


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server; it ends with the block, and with this process if that is killed.

    Args:
        folder: Where its programs are.
    """
    home = Path(tempfile.mkdtemp(prefix="dagcast-postgres-"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    changes: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL does not run as root.
        shutil.chown(home, "postgres", "postgres")
        changes = ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    if sys.platform == "linux":
        # No block ends with a process that is killed. Then the kernel asks the server for a fast shutdown.
        changes.append("--pdeathsig=INT")
    prefix = ["setpriv", *changes, "--"] if changes else []
    try:
        secret = home / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        initdb = [str(folder / "initdb"), "-D", str(home / "data"), "-U", USER, "-E", "UTF8", "--no-sync"]
        initdb += ["--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}"]
        options = {"env": environment, "cwd": home, "stdin": subprocess.DEVNULL}
        subprocess.run([*prefix, *initdb], check=True, capture_output=True, **options)  # type: ignore[call-overload]
        port = _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "log_min_messages": "fatal",
        }
        command = [str(folder / "postgres"), "-D", str(home / "data")]
        command += [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        log = (home / "log").open("wb")
        with log, child_process([*prefix, *command], stdout=log, stderr=log, **options) as process:
            try:
                server = Server(port, home)
                _wait(server, process, home / "log")
                yield server
            finally:
                # A fast shutdown: clients are cut off.
                process.send_signal(signal.SIGINT)
                process.wait(SECONDS)
    finally:
        shutil.rmtree(home)


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + SECONDS
    while True:
        try:
            server.execute("SELECT 1")
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not start: {log.read_text()}") from None
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
