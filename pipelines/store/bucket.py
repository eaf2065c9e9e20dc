"""Objects below an address: s3://bucket/prefix, gs://, az:// or file:///folder.

Here: reading, writing, and replacing an object only where it is still the one that was seen; every answer of a server
that is none ends in one sentence. Not here: what lies there, and credentials, which obstore takes from the cloud's
usual variables.

Requests that a server refuses for the moment, or does not answer, are sent again by obstore. An answer that is lost
says nothing about what was done: whoever replaces an object looks what lies there (pipelines.publishing.shared).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from assets.framework.errors import KnownFault
from pipelines.store.objects import Folder

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

PART_BYTES = 32 * 2**20  # larger objects are written in parts; a state of a universe's block is 28 MB: one request


class StoreFault(KnownFault):
    """The store did not do what it was asked, as far as can be known."""


class Replaced(KnownFault):
    """The object is not the one that was seen any more."""


@dataclass(frozen=True)
class SeenObject:
    """An object as it was read. version: what the server calls this content."""

    content: bytes
    version: str


@dataclass(frozen=True)
class ListedObject:
    """An object as a listing names it."""

    name: str
    size_bytes: int
    written_at: datetime


@dataclass(frozen=True)
class Bucket:
    """Objects below an address; picklable, and opened in each process that uses it.

    request_seconds: for one try of one request; tries: of each request; pause_seconds: before the second try, twice as
    long before each further one; options: obstore's, where the environment's do not hold.
    """

    url: str
    request_seconds: float = 30.0
    tries: int = 5
    pause_seconds: float = 0.2
    options: tuple[tuple[str, str], ...] = ()

    def below(self, prefix: str) -> Bucket:
        """The objects whose names begin with a folder's."""
        return replace(self, url=f"{self.url}/{prefix}")

    def read(self, name: str) -> bytes | None:
        """The object's content; None where there is none."""
        seen = self.look(name)
        return seen.content if seen else None

    def look(self, name: str) -> SeenObject | None:
        """The object's content with its version; None where there is none."""
        import obstore

        with self._explained("read", name):
            try:
                found = obstore.get(_opened(self), name)
                return SeenObject(bytes(found.bytes()), str(found.meta["e_tag"]))
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes | Path) -> None:
        """Put the whole object in force, or leave what was there."""
        import obstore

        with self._explained("written", name):
            obstore.put(_opened(self), name, content, chunk_size=PART_BYTES)

    def replace(self, name: str, content: bytes, seen: SeenObject | None) -> None:
        """Write the object only where it still is what was seen, or still is none. Raises Replaced, StoreFault."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        if self._folder is not None:
            self._replace_file(name, content, seen)
            return
        with self._explained("written", name):
            try:
                mode = "create" if seen is None else {"e_tag": seen.version}
                obstore.put(_opened(self), name, content, mode=mode, use_multipart=False)  # type: ignore[arg-type]
            except (AlreadyExistsError, PreconditionError):
                raise Replaced(f"{self.url}/{name} is not what was read before any more; read it again") from None

    def names(self, prefix: str) -> list[str]:
        """Names that begin so."""
        return sorted(stored.name for stored in self.listed(prefix))

    def listed(self, prefix: str = "") -> list[ListedObject]:
        """The objects whose names begin so, in no order."""
        import obstore

        folder = prefix.rpartition("/")[0]  # a store lists whole folders
        with self._explained("listed", prefix):
            pages = list(obstore.list(_opened(self), folder or None))
        found = (ListedObject(meta["path"], meta["size"], meta["last_modified"]) for page in pages for meta in page)
        return [stored for stored in found if stored.name.startswith(prefix)]

    def remove(self, name: str) -> None:
        """The object is gone, whether it was there or not."""
        import obstore

        with self._explained("removed", name):
            try:
                obstore.delete(_opened(self), name)
            except FileNotFoundError:
                return

    @property
    def _folder(self) -> Path | None:
        parts = urlsplit(self.url)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    def _replace_file(self, name: str, content: bytes, seen: SeenObject | None) -> None:
        """A file system compares nothing by itself: a lock beside the file makes looking and writing one step."""
        folder = self._folder or Path()
        with self._explained("written", name):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / f".{name}.lock", timeout=self.request_seconds):
                now = self.read(name)
                if now != (seen.content if seen else None):
                    raise Replaced(f"{self.url}/{name} is not what was read before any more; read it again")
                Folder(folder).write(name, content)

    @contextmanager
    def _explained(self, done: str, name: str) -> Iterator[None]:
        try:
            from obstore.exceptions import BaseError
        except ModuleNotFoundError:
            raise StoreFault(
                f"{self.url} needs obstore, which is not installed; install Recouple with its extra `store`"
            ) from None
        try:
            yield
        except (BaseError, OSError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            reason = re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", said)  # an address may be signed
            raise StoreFault(
                f"{self.url}/{name} could not be {done} ({reason}); look at the address, the network and the "
                f"credentials in the environment"
            ) from None


@lru_cache(maxsize=8)
def _opened(bucket: Bucket) -> ObjectStore:
    """One client for each address and process: making one takes longer than a request."""
    from obstore.store import LocalStore, from_url

    if bucket._folder is not None:
        return LocalStore(bucket._folder, mkdir=True)
    client: ClientConfig = {"timeout": timedelta(seconds=bucket.request_seconds)}
    # Options given here replace those of the environment, of which only this one is in use.
    told = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("true", "1")
    client["allow_http"] = told or any(value.startswith("http://") for _, value in bucket.options)
    pause = timedelta(seconds=bucket.pause_seconds)
    retries: RetryConfig = {
        "max_retries": bucket.tries - 1,
        "backoff": {"init_backoff": pause, "max_backoff": pause * 2**bucket.tries, "base": 2},
        "retry_timeout": timedelta(seconds=bucket.request_seconds * bucket.tries),
    }
    config: Any = dict(bucket.options)
    opened: Any = from_url(bucket.url, config=config, client_options=client, retry_config=retries)
    return opened  # type: ignore[no-any-return]
