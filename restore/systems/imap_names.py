"""Folder paths to a server's own names and back: its prefix, its separator, modified UTF-7 (RFC 2342, RFC 3501)."""

from __future__ import annotations

from dataclasses import dataclass

from imapclient import IMAPClient
from imapclient.imap_utf7 import encode

from restore.errors import MailRefused
from restore.model.mail import INBOX, FolderPath
from restore.model.text import safe


@dataclass(frozen=True, slots=True)
class Names:
    """`prefix` and `separator` of the personal namespace ("": a server without levels); `foreign` are the
    prefixes of other people's folders."""

    prefix: str
    separator: str
    foreign: tuple[str, ...] = ()

    @classmethod
    def of(cls, client: IMAPClient, has_namespace: bool) -> Names:
        """As the server states them by NAMESPACE, or by LIST where it has no NAMESPACE."""
        if has_namespace:
            stated = client.namespace()
            if stated.personal:
                prefix, separator = stated.personal[0]
                others = [*(stated.other or ()), *(stated.shared or ())]
                return cls(prefix, separator or "", tuple(name for name, _ in others if name))
        listed = client.list_folders("", "")
        separator = listed[0][1] if listed else None
        return cls("", separator.decode("ascii") if separator else "")

    def path(self, name: str) -> FolderPath:
        """The path of a name as LIST gives it."""
        if name.upper() == "INBOX":
            return INBOX
        if self.prefix and name.upper().startswith(self.prefix.upper()):
            name = name[len(self.prefix) :]
        return tuple(name.split(self.separator)) if self.separator else (name,)

    def is_foreign(self, name: str) -> bool:
        """Whether the name lies in somebody else's namespace."""
        return name.startswith(self.foreign)

    def name(self, path: FolderPath) -> str:
        """The server's name of a path. Raises MailRefused where it has none."""
        if path == INBOX:
            return "INBOX"
        if len(path) > 1 and not self.separator:
            raise MailRefused(f"folder {safe('/'.join(path))}: the server has no folders within folders")
        for component in path:
            if not component or (self.separator and self.separator in component):
                raise MailRefused(
                    f"folder {safe('/'.join(path))}: the name {safe(component)!r} cannot stand between the server's "
                    f"separators {self.separator}"
                )
        return self.prefix + self.separator.join(path)

    def wire(self, path: FolderPath) -> bytes:
        """The name in modified UTF-7, quoted, as a command takes it."""
        encoded: bytes = encode(self.name(path))
        return b'"' + encoded.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
