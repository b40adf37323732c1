"""Folders, keys of both sites that trust each other, and toy apps at both ends of the site's log streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from common_apps.transfer import registry
from common_apps.transfer.keys import KeyFolder
from tests.common.transfer.kit import LOG_FROM, NOON, Peer, RowsReceiver, RowsSender
from tests.common.transfer.sticks import Stick


@pytest.fixture
def folders(settings: Any, tmp_path: Path) -> Path:
    """The site's folders under one root."""
    for name in ("EXPORT_DIR", "IMPORT_DIR", "DATA_DIR", "KEY_DIR"):
        folder = tmp_path / name.partition("_")[0].lower()
        folder.mkdir(mode=0o700)
        setattr(settings, name, folder)
    return tmp_path


@pytest.fixture
def peer(folders: Path, settings: Any, tmp_path: Path) -> Peer:
    """The other site; both trust each other."""
    here = KeyFolder(settings.KEY_DIR)
    there = KeyFolder(tmp_path / "peer")
    here.generate(site=settings.SITE, created_at=NOON)
    there.generate(site=settings.PEER, created_at=NOON)
    here.trust(there.public_keys())
    there.trust(here.public_keys())
    return Peer(there, settings.SITE, settings.PEER, settings.IMPORT_DIR)


@pytest.fixture
def here(peer: Peer, settings: Any) -> KeyFolder:
    """This site's key folder."""
    return KeyFolder(settings.KEY_DIR)


@pytest.fixture
def tables(transactional_db: None) -> Iterator[None]:
    """The toy apps' tables, for one test."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE toy_rows (id uuid PRIMARY KEY, line text, state text, batch uuid, answered bool)")
        cursor.execute("CREATE TABLE toy_arrived (id uuid PRIMARY KEY, content text)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE toy_rows, toy_arrived")


@pytest.fixture
def sent(settings: Any) -> str:
    """The log stream that leaves this site."""
    return LOG_FROM[settings.SITE]


@pytest.fixture
def received(settings: Any) -> str:
    """The log stream that arrives at this site."""
    return LOG_FROM[settings.PEER]


@pytest.fixture
def sender(tables: None, peer: Peer, sent: str, monkeypatch: pytest.MonkeyPatch) -> RowsSender:
    """The toy app that sends, in the place of the real one."""
    toy = RowsSender(sent)
    monkeypatch.setitem(registry.log_senders, sent, toy)
    return toy


@pytest.fixture
def receiver(tables: None, peer: Peer, received: str, monkeypatch: pytest.MonkeyPatch) -> RowsReceiver:
    """The toy app that receives."""
    toy = RowsReceiver()
    monkeypatch.setitem(registry.log_receivers, received, toy)
    return toy


@pytest.fixture
def stick(tmp_path: Path, settings: Any, peer: Peer) -> Stick:
    """A folder that is allowed, and stands for a stick."""
    folder = tmp_path / "media" / "stick"
    (folder / "airferry").mkdir(parents=True)
    settings.MEDIA_ROOTS = (str(tmp_path / "media"),)
    return Stick(folder, peer)
