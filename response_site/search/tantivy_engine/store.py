"""Generations on disk: which folder an index name means, and how that changes in one step.

    DIR/generations/NAME-<time>-<random>/   tantivy's files and mapping.json
    DIR/names/NAME.json                     {"generation": ...}, replaced by rename(2)

A load that dies leaves a folder that no name points to; the next publication of that name removes it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from pathlib import Path

from response_site.search.engine import EngineUnavailable, IndexMissingError, Mapping, is_index_name, require_index_name

_MAPPING_FILE = "mapping.json"
# A folder that no name points to is somebody's load under way until it is this old.
_ABANDONED_AFTER_SECONDS = 6 * 3600


class GenerationStore:
    """The folder of all indexes. Raises EngineUnavailable when it can't be read or written."""

    def __init__(self, root: Path) -> None:
        self._generations = root / "generations"
        self._names = root / "names"

    def begin(self, index: str, mapping: Mapping) -> str:
        """Make an empty folder for the next generation of ``index`` and return its name."""
        require_index_name(index)
        generation = f"{index}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        try:
            folder = self.folder(generation)
            folder.mkdir(parents=True)
            (folder / _MAPPING_FILE).write_text(json.dumps(mapping, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise _unavailable(error) from error
        return generation

    def folder(self, generation: str) -> Path:
        """Where a generation's files lie."""
        return self._generations / generation

    def mapping(self, generation: str) -> Mapping:
        """The mapping a generation was begun with."""
        try:
            mapping: Mapping = json.loads((self.folder(generation) / _MAPPING_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise IndexMissingError(generation) from error
        except (OSError, ValueError) as error:
            raise _unavailable(error) from error
        return mapping

    def publish(self, index: str, generation: str) -> None:
        """Point ``index`` at ``generation``, durably, then drop the generations before the last one."""
        previous = self._pointed_at(index)
        temporary = self._names / f".{index}.{os.getpid()}.{secrets.token_hex(3)}"
        try:
            self._names.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as file:
                json.dump({"generation": generation}, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._name_file(index))
            _sync_folder(self._names)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise _unavailable(error) from error
        # The one before stays: another process may have read the old name and be about to open its files.
        self._drop_all_but(index, {generation, previous})

    def resolve(self, index: str) -> str:
        """The generation that an index name, or a generation's own name, means. Raises IndexMissingError."""
        found = self._pointed_at(index)
        if found is not None:
            return found
        if is_index_name(index) and (self.folder(index) / _MAPPING_FILE).is_file():
            return index
        raise IndexMissingError(index)

    def names(self) -> list[str]:
        """Every index name, sorted."""
        try:
            return sorted(path.stem for path in self._names.glob("*.json"))
        except OSError as error:
            raise _unavailable(error) from error

    def delete(self, index: str) -> None:
        """Remove a name with its generations, or one generation; nothing when it isn't there."""
        if not is_index_name(index):
            return
        if self._pointed_at(index) is None:
            shutil.rmtree(self.folder(index), ignore_errors=True)
            return
        self._name_file(index).unlink(missing_ok=True)
        self._drop_all_but(index, set(), at_once=True)

    def _name_file(self, index: str) -> Path:
        return self._names / f"{index}.json"

    def _pointed_at(self, index: str) -> str | None:
        if not is_index_name(index):
            return None
        try:
            return str(json.loads(self._name_file(index).read_text(encoding="utf-8"))["generation"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError) as error:
            raise _unavailable(error) from error

    def _drop_all_but(self, index: str, keep: set[str | None], *, at_once: bool = False) -> None:
        ours = re.compile(re.escape(index) + r"-[0-9]{14}-[0-9a-f]{6}")
        newest = max((name for name in keep if name), default="")
        for folder in self._generations.glob(f"{index}-*"):
            if folder.name in keep or not ours.fullmatch(folder.name):
                continue
            if at_once or folder.name < newest or _age_seconds(folder) > _ABANDONED_AFTER_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _age_seconds(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(error: Exception) -> EngineUnavailable:
    return EngineUnavailable(f"The search folder can't be used: {error}. See SEARCH_DIR.")
