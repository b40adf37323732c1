"""The engine of a process, in processes of their own: settings and forks are theirs alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PREPARE = """
import os, sys
from django.conf import settings
settings.configure(SEARCH_ENGINE="tantivy", SEARCH_DIR={folder!r}, ELASTICSEARCH_URL="",
                   ELASTICSEARCH_USERNAME="", ELASTICSEARCH_PASSWORD="")
from response_site.search.registry import close_engine, get_engine
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    prepared = PREPARE.format(folder=str(folder))
    return subprocess.run([sys.executable, "-c", prepared + code], capture_output=True, text=True, check=False)


def test_engine_is_one_a_process_when_asked_twice_and_forked(tmp_path: Path) -> None:
    done = run(
        """
first = get_engine()
assert get_engine() is first
first.create_index("things", {"properties": {"name": {"type": "keyword"}}})
first.bulk("things", [("1", {"name": "a"})])
child = os.fork()
if child == 0:
    own = get_engine()
    os._exit(0 if own is not first and own.count("things") == 1 else 1)
assert os.waitpid(child, 0)[1] == 0
assert get_engine() is first and first.count("things") == 1
close_engine()
assert get_engine() is not first
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_engine_follows_the_settings_when_they_name_one(tmp_path: Path) -> None:
    done = run(
        """
from django.core.exceptions import ImproperlyConfigured
for settings.SEARCH_ENGINE, settings.ELASTICSEARCH_URL in (
    ("solr", ""), ("elasticsearch", ""), ("elasticsearch", "http://127.0.0.1:1"),
):
    try:
        print(type(get_engine()).__name__)
    except ImproperlyConfigured as error:
        print(error)
""",
        tmp_path,
    )
    assert done.stdout.splitlines() == [
        'SEARCH_ENGINE is "solr"; it can be "tantivy" or "elasticsearch".',
        "SEARCH_ENGINE=elasticsearch needs ELASTICSEARCH_URL.",
        "ElasticsearchEngine",
    ], done.stderr
