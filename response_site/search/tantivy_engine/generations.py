"""The generations that this process has open, each with the newest committed state it has seen."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import tantivy

from response_site.search.engine import EngineUnavailable, IndexMissingError
from response_site.search.tantivy_engine.analyzer import STANDARD, standard_analyzer
from response_site.search.tantivy_engine.schema import build_schema
from response_site.search.tantivy_engine.snapshot import Snapshot
from response_site.search.tantivy_engine.store import GenerationStore

# tantivy replaces this file by rename at every commit, in whichever process.
_COMMIT_FILE = "meta.json"
# More than a few are open only where generations follow one another quickly; the oldest goes.
_MOST_OPEN = 16


@dataclass(frozen=True)
class OpenGeneration:
    """A generation's tantivy index, and a state of it."""

    index: tantivy.Index
    snapshot: Snapshot
    stamp: tuple[int, int]


class OpenGenerations:
    """Opens generations when they are first used and sees the commits of other processes."""

    def __init__(self, store: GenerationStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._open: dict[str, OpenGeneration] = {}

    def current(self, name: str) -> OpenGeneration:
        """The newest state of a generation. Raises IndexMissingError, EngineUnavailable."""
        with self._lock:
            try:
                status = (self._store.folder(name) / _COMMIT_FILE).stat()
            except FileNotFoundError as error:
                self._open.pop(name, None)
                raise IndexMissingError(name) from error
            except OSError as error:
                raise EngineUnavailable(f"The search folder can't be read: {error}") from error
            stamp = (status.st_mtime_ns, status.st_ino)
            known = self._open.get(name)
            if known is None or known.stamp != stamp:
                known = self._read(name, known, stamp)
                self._open.pop(name, None)
                while len(self._open) >= _MOST_OPEN:
                    del self._open[next(iter(self._open))]
                self._open[name] = known
            return known

    def close(self) -> None:
        """Forget all of them; searches under way keep what they hold."""
        with self._lock:
            self._open.clear()

    def _read(self, name: str, known: OpenGeneration | None, stamp: tuple[int, int]) -> OpenGeneration:
        schema = build_schema(self._store.mapping(name)) if known is None else known.snapshot.schema
        try:
            if known is None:
                index = tantivy.Index.open(str(self._store.folder(name)))
                index.register_tokenizer(STANDARD, standard_analyzer())
                # We look at the commit file ourselves: a watching thread would not survive a fork.
                index.config_reader("manual")
            else:
                index = known.index
            index.reload()
            return OpenGeneration(index, Snapshot(index, schema), stamp)
        except BaseException as error:
            if isinstance(error, Exception) or is_panic(error):
                raise EngineUnavailable(f'The files of "{name}" can\'t be read: {error}') from error
            raise


def is_panic(error: BaseException) -> bool:
    """Whether Rust code panicked: PyO3 raises that as a BaseException whose class can't be imported."""
    return type(error).__name__ == "PanicException"
