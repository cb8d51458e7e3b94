"""The end of a process at a chosen moment, for systems in memory."""

from __future__ import annotations


class Cut(BaseException):
    """The process is gone: nothing of ours catches this, as nothing of ours runs after a SIGKILL."""
