"""Runs in an object store: written under a prefix of their own, put in force by one object, fetched from there.

Here: handing a published run to other machines, and taking one from there. Not here: the store itself
(pipelines.store.bucket), the run's folder (pipelines.publishing.publish), which run this machine serves
(pipelines.publishing.in_force).

`current.json` names the run in force. It is written last, once every other object was read back, and only where it
still is what this publisher saw before it wrote anything: of two publishers at once one wins. An answer that is lost
says nothing about what was done, so after every failure the object itself is read: it carries the name of the
publication, and of those before it for as long as their runs are kept.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from assets.framework.errors import KnownFault
from pipelines.home import Tree
from pipelines.publishing.in_force import (
    changing,
    heal,
    is_run_name,
    manifest_of,
    put_in_force,
    removable,
)
from pipelines.publishing.serving import serve
from pipelines.store.bucket import Bucket, Replaced, SeenObject, StoreFault

CURRENT = "current.json"
RUNS = "runs"
LEAST_KEPT = timedelta(hours=1)  # whatever the setting says: somebody may be reading, or writing under an old name
AT_ONCE = 8  # requests


class NotShared(KnownFault):
    """The run is not in force in the store; what was in force there still is."""


class NotFetched(KnownFault):
    """The run in force in the store cannot be taken over here."""


@dataclass(frozen=True)
class Superseded:
    """A publication that is no longer in force, and since when."""

    run: str
    publication: str
    until: str


@dataclass(frozen=True)
class Current:
    """The run in force in a store. files: SHA-256 of each, by name; publication: of this one act of publishing."""

    run: str
    publication: str
    since: str
    as_of: str
    published_at: str
    simulated: bool
    contract_version: str
    files: dict[str, str]
    before: tuple[Superseded, ...]

    @property
    def folder(self) -> str:
        """Where its objects lie, below the store's address."""
        return f"{RUNS}/{self.run}"

    def to_bytes(self) -> bytes:
        """JSON, the folder with it: SQL reads that."""
        told = {**vars(self), "folder": self.folder, "before": [vars(earlier) for earlier in self.before]}
        return (json.dumps(told, indent=2) + "\n").encode()

    @staticmethod
    def from_bytes(raw: bytes) -> Current:
        """Inverse of `to_bytes`. Raises ValueError when the bytes are something else."""
        try:
            told = json.loads(raw)
            del told["folder"]
            current = Current(**{**told, "before": tuple(Superseded(**earlier) for earlier in told["before"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"no run in force: {error!r}") from error
        if not is_run_name(current.run) or any(Path(name).name != name for name in current.files):
            raise ValueError("a name in it leads elsewhere")
        return current

    def names(self, publication: str) -> bool:
        """Whether that publication is or was in force."""
        return publication in (self.publication, *(earlier.publication for earlier in self.before))


@dataclass(frozen=True)
class SharedRuns:
    """The runs of one tree in a store. keep: how long superseded ones stay."""

    bucket: Bucket
    keep: timedelta
    clock: Callable[[], datetime]

    def current(self) -> Current | None:
        """The run in force."""
        return self._look()[1]

    def publish(self, folder: Path) -> Current:
        """Put the night's run in force, unless one of a later day is. Raises NotShared, StoreFault."""
        seen, before = self._look()
        if before is not None and before.as_of > manifest_of(folder)["as_of"]:
            raise NotShared(
                f"{before.run}, in force in {self.bucket.url}, is as of a later day than {folder.name}; "
                f"`recouple push` puts this one in force all the same"
            )
        return self._put(folder, seen, before)

    def push(self, folder: Path) -> Current:
        """Put a run in force, an earlier one too. Raises NotShared, StoreFault."""
        return self._put(folder, *self._look())

    def pull(self, tree: Path) -> tuple[Path, list[str]]:
        """Serve the run in force from `tree` on this machine; returns its folder, and in words what was mended."""
        if Tree(tree).warehouse.exists():
            raise NotFetched(f"{tree} computes runs of its own; name a folder that only receives them")
        now = self.current()
        if now is None:
            raise NotFetched(f"nothing is in force in {self.bucket.url}; run `recouple push` where it is computed")
        with changing(tree):
            told = heal(tree)
            folder = Tree(tree).marts / now.run
            if not folder.exists():
                self._fetch(now, Tree(tree).staging(now.run)).rename(folder)
            if Tree(tree).current.resolve() != folder.resolve():
                put_in_force(folder)
            told += serve(folder, simulated=now.simulated)
            for outdated in removable(tree, self.keep):
                shutil.rmtree(outdated)
            return folder, told

    # ------------------------------------------------------------------ writing
    def _put(self, folder: Path, seen: SeenObject | None, before: Current | None) -> Current:
        if before is not None and before.simulated != manifest_of(folder)["simulated"]:
            told, own = ("simulated", "real") if before.simulated else ("real", "simulated")
            raise NotShared(
                f"{self.bucket.url} holds {told} runs, this one is {own}; set RECOUPLE_STORE to another prefix"
            )
        contents = {path.name: path for path in sorted(folder.iterdir()) if not path.name.startswith(".")}
        fresh = self._following(before, folder, {name: _digest(path.read_bytes()) for name, path in contents.items()})
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda path: self.bucket.write(f"{fresh.folder}/{path.name}", path), contents.values()))
            list(pool.map(lambda name: self._verified(fresh, name), contents))
        self._put_in_force(fresh, seen)
        self._clear(fresh)
        return fresh

    def _following(self, before: Current | None, folder: Path, files: dict[str, str]) -> Current:
        now, manifest = self.clock(), manifest_of(folder)
        earlier: tuple[Superseded, ...] = ()
        if before is not None:
            left = Superseded(before.run, before.publication, now.isoformat())
            earlier = tuple(e for e in (left, *before.before) if datetime.fromisoformat(e.until) >= self._oldest(now))
        told = {name: manifest[name] for name in ("as_of", "published_at", "simulated", "contract_version")}
        return Current(folder.name, uuid4().hex, now.isoformat(), files=files, before=earlier, **told)

    def _put_in_force(self, fresh: Current, seen: SeenObject | None) -> None:
        """The one write that readers notice."""
        fault: KnownFault | None = None
        for attempt in range(self.bucket.tries):
            if attempt:
                time.sleep(self.bucket.pause_seconds * 2 ** (attempt - 1))
            try:
                self.bucket.replace(CURRENT, fresh.to_bytes(), seen)
                return
            except (Replaced, StoreFault) as error:
                fault = error
            try:
                lies_there, now = self._look()
            except StoreFault as error:
                fault = error
                continue
            if now is not None and now.names(fresh.publication):
                return
            if lies_there != seen:
                other = now.run if now else "nothing"
                raise NotShared(
                    f"another publisher was faster: {other} is in force in {self.bucket.url}, {fresh.run} is not; "
                    f"`recouple push` puts it in force all the same"
                )
        raise StoreFault(
            f"whether {fresh.run} is in force in {self.bucket.url} is not known ({fault}); it is whole there either "
            f"way: `recouple push` once the store answers"
        )

    def _verified(self, run: Current, name: str) -> bytes:
        """A file of a run as it lies in the store."""
        content = self.bucket.read(f"{run.folder}/{name}")
        if content is None or _digest(content) != run.files[name]:
            state = "gone" if content is None else "damaged"
            raise StoreFault(f"{self.bucket.url}/{run.folder}/{name} is {state}; `recouple push` writes it again")
        return content

    def _clear(self, now: Current) -> None:
        """Remove what nobody reads any more; what cannot be removed tonight is removed another night."""
        kept = {now.run, *(earlier.run for earlier in now.before)}
        oldest = self._oldest(self.clock())
        try:
            newest: dict[str, datetime] = {}
            stored = [(_run_of(s.name), s) for s in self.bucket.listed(f"{RUNS}/")]
            for run, s in stored:
                newest[run] = max(s.written_at, newest.get(run, s.written_at))
            gone = [s.name for run, s in stored if run not in kept and newest[run] < oldest]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self.bucket.remove, gone))
        except StoreFault:
            return

    def _oldest(self, now: datetime) -> datetime:
        return now - max(self.keep, LEAST_KEPT)

    # ------------------------------------------------------------------ reading
    def _look(self) -> tuple[SeenObject | None, Current | None]:
        seen = self.bucket.look(CURRENT)
        try:
            return seen, Current.from_bytes(seen.content) if seen else None
        except ValueError as error:
            raise StoreFault(
                f"{self.bucket.url}/{CURRENT} cannot be read ({error}); remove it and `recouple push`"
            ) from None

    def _fetch(self, now: Current, staging: Path) -> Path:
        staging.mkdir(parents=True)
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for name, content in zip(now.files, pool.map(lambda n: self._verified(now, n), now.files), strict=True):
                    (staging / name).write_bytes(content)
        except StoreFault:
            shutil.rmtree(staging)
            raise
        return staging


def shared_runs(url: str, keep_hours: float) -> SharedRuns:
    """The runs below an address, by this machine's clock."""
    return SharedRuns(Bucket(url), timedelta(hours=keep_hours), lambda: datetime.now(UTC))


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _run_of(name: str) -> str:
    return name.split("/")[1]
