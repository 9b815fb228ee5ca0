"""Where presets are: in buckets, their files in a cache once they were needed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmzoo.errors import HandleError, HubAccessError, HubUnavailableError

if TYPE_CHECKING:
    from obstore.store import S3Store

HANDLE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^/]+(?:/[^/]+)*)")


class S3Source:
    """Presets in S3."""

    scheme = "s3"

    def open(self, handle: str) -> S3Files:
        """The files behind ``s3://bucket/path``. Makes no request yet."""
        return S3Files(handle)


class S3Files:
    """The files of one preset, in a bucket.

    Args:
        handle: ``s3://bucket/path``.

    Raises:
        HandleError: The handle has another form.
    """

    def __init__(self, handle: str) -> None:
        match = HANDLE.fullmatch(handle)
        if match is None or not {".", ".."}.isdisjoint(handle.split("/")):
            raise HandleError(
                f"{handle!r} is no preset in S3: the form is s3://bucket/path/of/the/preset, "
                "without a slash at the end, and without '..'."
            )
        self.handle = handle
        self.bucket, self.prefix = match.groups()
        cache = os.environ.get("MLMZOO_S3_CACHE", "~/.cache/mlmzoo-s3")
        self.cache = Path(cache).expanduser() / self.bucket / self.prefix

    def store(self) -> S3Store:
        """The bucket; who asks and where is said by the ``AWS_…`` variables."""
        from obstore.store import S3Store

        plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        return S3Store(
            self.bucket,
            # Weights take longer than the 30 s that a whole request has by default.
            client_options={"timeout": "1h", "connect_timeout": "10s", "allow_http": plain},
            retry_config={"max_retries": 2},
        )

    def path(self, name: str) -> Path | None:
        """Where the file called `name` is on this machine, fetched if it has changed.

        Raises:
            HubAccessError: The bucket is not to be read with these credentials.
            HubUnavailableError: The server could not be reached, or failed.
        """
        import obstore

        store, key = self.store(), f"{self.prefix}/{name}"
        with self.told(name):
            try:
                place = self._place(name, obstore.head(store, key))
                if place.is_file():
                    return place
                found = obstore.get(store, key)
            except FileNotFoundError:
                return None
            place = self._place(name, found.meta)
            _write(place, found.stream())
        return place

    @contextmanager
    def told(self, name: str) -> Iterator[None]:
        """Inside, what goes wrong with the file called `name` is said in mlmzoo's errors.

        Raises:
            HubAccessError: The bucket is not for these credentials.
            HubUnavailableError: The server could not be reached, or failed.
        """
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise HubAccessError(
                f"{self.handle} (file {name!r}): access was refused. Check AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or set AWS_SKIP_SIGNATURE=true for a public bucket. The "
                "right to list the bucket is needed, too."
            ) from error
        except BaseError as error:
            raise HubUnavailableError(
                f"{self.handle} (file {name!r}): the server failed or could not be reached. Check "
                f"the network, AWS_REGION and AWS_ENDPOINT_URL. It said: {error}"
            ) from error

    def _place(self, name: str, meta: Any) -> Path:
        """A file that changes gets another place, so one that is there is the right one."""
        version = re.sub(r"\W", "", str(meta["e_tag"] or meta["last_modified"]))
        return self.cache / version / name


def _write(place: Path, chunks: Any) -> None:
    """All of a file or nothing, whoever else is writing it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
        try:
            for chunk in chunks:
                file.write(chunk)
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, place)
