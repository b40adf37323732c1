"""PostgreSQL and Valkey from the wheels: what they let whom do, and that they come back."""

import signal
import socket
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from devstack import stack
from devstack.errors import PortInUseError
from devstack.home import Home
from devstack.postgres import Cluster, open_path, server_account
from devstack.valkey import Valkey, free_port, require_free_port


def connect(cluster: Cluster, password: str) -> psycopg.Connection:
    return psycopg.connect(host=str(cluster.socket_dir), user="airferry", password=password, dbname="airferry")


def test_role_owns_its_database_and_nothing_else_when_made(open_folder: Path) -> None:
    cluster = Cluster(open_folder / "postgres", durable=False)
    cluster.start()
    try:
        cluster.ensure_role("airferry", "first", database="airferry")
        cluster.ensure_role("airferry", "second", database="airferry")
        with connect(cluster, "second") as connection:
            rights = connection.execute(
                "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
            connection.execute("CREATE TABLE ours (id int)")
        assert rights == (False, False, False)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(cluster, "first")
        assert psycopg.connect(cluster.superuser_dsn()).execute("SHOW listen_addresses").fetchone() == ("",)
    finally:
        cluster.stop()


def test_cluster_keeps_its_rows_when_killed_and_started_again(open_folder: Path) -> None:
    cluster = Cluster(open_folder / "postgres")
    cluster.start()
    try:
        cluster.ensure_role("airferry", "password", database="airferry")
        with connect(cluster, "password") as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS id")
        assert cluster.process is not None
        cluster.process.send_signal(signal.SIGQUIT)
        cluster.process.wait(20)
        cluster.start()
        with connect(cluster, "password") as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
    finally:
        cluster.stop()


def test_cluster_is_made_anew_when_initdb_was_interrupted(open_folder: Path) -> None:
    cluster = Cluster(open_folder / "postgres", durable=False)
    cluster.data.mkdir(parents=True)
    (cluster.data / "PG_VERSION").write_text("18\n")
    cluster.start()
    try:
        with psycopg.connect(cluster.superuser_dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        cluster.stop()


def test_socket_path_fits_when_home_is_deep(open_folder: Path) -> None:
    cluster = Cluster(open_folder / ("d" * 60) / ("e" * 60) / "postgres", durable=False)
    cluster.start()
    try:
        assert len(str(cluster.socket_dir / ".s.PGSQL.5432")) <= 107
        with psycopg.connect(cluster.superuser_dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        cluster.stop()


def test_parent_folder_is_opened_for_passing_alone_when_it_was_closed(open_folder: Path) -> None:
    closed = open_folder / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o700)
    open_path(closed / "inner", server_account())
    as_root = server_account().pw_uid != closed.stat().st_uid
    assert closed.stat().st_mode & 0o777 == (0o701 if as_root else 0o700)


def test_valkey_refuses_when_password_is_missing(open_folder: Path) -> None:
    valkey = Valkey(open_folder / "valkey", "a-password", durable=False)
    valkey.start()
    try:
        once = Retry(NoBackoff(), 0)
        with redis.Redis("127.0.0.1", valkey.port or 0, retry=once) as stranger, pytest.raises(redis.RedisError):
            stranger.ping()
        assert (open_folder / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0
    finally:
        valkey.stop()


def test_valkey_keeps_messages_when_killed_and_started_again(open_folder: Path) -> None:
    valkey = Valkey(open_folder / "valkey", "a-password")
    valkey.start()
    try:
        with redis.Redis.from_url(valkey.url(0)) as client:
            client.lpush("queue", "message")
            client.execute_command("WAITAOF", 1, 0, 5000)
        assert valkey.process is not None
        valkey.process.kill()
        valkey.process.wait()
        valkey.start()
        with redis.Redis.from_url(valkey.url(0)) as client:
            assert client.lrange("queue", 0, -1) == [b"message"]
    finally:
        valkey.stop()


def test_start_leaves_nothing_running_when_a_port_is_in_use(open_folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        home = Home.at(open_folder, {"request": listener.getsockname()[1], "response": free_port()})
        with pytest.raises(PortInUseError, match="REQUEST_PORT="):
            stack.start(home)
    assert [site.pid_file.read() for site in home.sites] == [None, None]
    assert list(open_folder.glob("*/postgres")) == []


def test_port_error_names_port_and_variable_when_port_is_in_use() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortInUseError, match=rf"Port {port} is in use.*RESPONSE_PORT="):
            require_free_port(port, "RESPONSE_PORT")
