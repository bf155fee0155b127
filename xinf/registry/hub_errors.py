"""What keeps a model of the hub from being fetched, in words that help.

The hub's own messages are left out where they could hold an address that was signed for us.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from xinf.core.errors import ErrorCode
from xinf.registry.hub_files import NoModel

_ADDRESS = re.compile(r"https?://\S+")
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
_AGAIN = "Check the network and try again; files that are complete are kept"
WORDS_MAX = 200


class Told(Exception):
    """An error that says everything itself."""

    def __init__(self, code: ErrorCode, cause: str, next_step: str) -> None:
        super().__init__(cause)
        self.code, self.cause, self.next_step = code, cause, next_step

    @classmethod
    def disk_full(cls, cause: str) -> Told:
        step = (
            "Free some space (files that are complete are kept), or point HF_HOME to a larger disk"
        )
        return cls(ErrorCode.DISK_FULL, cause, step)

    @classmethod
    def source(cls, cause: str, next_step: str = "Correct the model's `source`") -> Told:
        return cls(ErrorCode.SOURCE_INVALID, cause, next_step)

    @classmethod
    def network(cls, cause: str, next_step: str = _AGAIN) -> Told:
        return cls(ErrorCode.NO_NETWORK, cause, next_step)


def explain(error: Exception, repo: str, revision: str) -> Told:
    """What to tell a user who wanted `revision` of `repo`."""
    for each in _chain(error):
        told = _known(each, repo, revision)
        if told is not None:
            return told
    words = _ADDRESS.sub("the hub", str(error)).strip().split("\n")[0][:WORDS_MAX]
    return Told.source(f"it could not be fetched ({type(error).__name__}: {words})")


def _known(error: BaseException, repo: str, revision: str) -> Told | None:
    match error:
        case Told():
            return error
        case NoModel():
            return Told.source(str(error))
        case OfflineModeIsEnabled():
            return Told.network("HF_HUB_OFFLINE is set, and it was not fetched before", "Unset it")
        case HfHubHTTPError():
            return _refused(error, repo, revision)
        case OSError() if error.errno in _DISK:
            return Told.disk_full(f"the disk with {constants.HF_HUB_CACHE} is full")
        case OSError() if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            step = "Point HF_HOME to a directory that you may write to"
            return Told.source(f"this user may not write to {constants.HF_HUB_CACHE}", step)
        case _ if isinstance(error, ConnectionError | TimeoutError) or _is_transport(error):
            return Told.network(f"{constants.ENDPOINT} cannot be reached")
        case OSError() if "Consistency check failed" in str(error):
            return Told.network("the download broke off")
        case _:
            return None


def _refused(error: HfHubHTTPError, repo: str, revision: str) -> Told:
    has_token = get_token() is not None
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        step = "Accept its terms on the page of the repository, and set HF_TOKEN to your token"
        return Told.source(f"{repo} is gated: it is given only to accounts that asked", step)
    if isinstance(error, RevisionNotFoundError):
        return Told.source(f"{repo} has no revision {revision!r}")
    if isinstance(error, RepositoryNotFoundError):
        who = "HF_TOKEN gives no access to it" if has_token else "it is private"
        step = "Check the name; for a private one set HF_TOKEN"
        return Told.source(f"there is no repository {repo}, or {who}", step)
    if status in (401, 403):
        step = "Set HF_TOKEN to a token that may read it"
        return Told.source(f"the hub does not give {repo} to this token ({status})", step)
    if status == 429 or status >= 500:
        return Told.network(f"the hub cannot answer now ({status})", "Try again later")
    return Told.source(f"the hub refused it ({status})")


def _is_transport(error: BaseException) -> bool:
    """Whether it comes from the HTTP client, whose package the hub's client has changed before."""
    return any(
        kind.__module__.partition(".")[0].startswith("httpx") for kind in type(error).__mro__
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
