"""What one region keeps, by collection and id. Never shared: an id means nothing elsewhere.

Only the region's server touches it, on its own loop.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools

from attrs import frozen

_FERNET = b"\x80"
"""The first byte of Azure's encrypted reasoning; in base64 it shows as `gAAA`."""


@frozen
class Kept:
    """A resource.

    Attributes:
        shown: What a GET answers.
        content: What belongs to it and has an address of its own: a file's bytes, input items.
    """

    shown: dict[str, object]
    content: object = None


class Store:
    """The resources of one region."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._numbers = itertools.count(1)
        self._kept: dict[str, dict[str, Kept]] = {}

    def new_id(self, prefix: str, digits: int = 48) -> str:
        """Make an id that no other region of the fleet makes."""
        seed = f"{self._region}/{next(self._numbers)}".encode()
        return prefix + hashlib.sha256(seed).hexdigest()[:digits]

    def keep(self, collection: str, shown: dict[str, object], content: object = None) -> None:
        """Keep a resource under its own `id`, in place of one that is there."""
        self._kept.setdefault(collection, {})[str(shown["id"])] = Kept(shown, content)

    def find(self, collection: str, identity: str) -> Kept | None:
        """Return a resource, or None where this region has none of that id."""
        return self._kept.get(collection, {}).get(identity)

    def drop(self, collection: str, identity: str) -> None:
        """Forget a resource."""
        self._kept.get(collection, {}).pop(identity, None)

    def shown(self, collection: str) -> list[dict[str, object]]:
        """Return a collection, the oldest first."""
        return [kept.shown for kept in self._kept.get(collection, {}).values()]

    def seal(self, identity: str) -> str:
        """Make encrypted content that this region alone accepts; it need not be kept for that."""
        plain = identity.encode()
        return base64.urlsafe_b64encode(_FERNET + bytes(3) + self._mark(plain) + plain).decode()

    def is_sealed_here(self, content: str) -> bool:
        """Say whether this region made that encrypted content."""
        try:
            sealed = base64.urlsafe_b64decode(content)
        except (ValueError, binascii.Error):
            return False
        return sealed[4:36] == self._mark(sealed[36:])

    def _mark(self, plain: bytes) -> bytes:
        return hashlib.sha256(self._region.encode() + b"\0" + plain).digest()
