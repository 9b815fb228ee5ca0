"""A preset on its way to a hub: the process that talks to the hubs sends it.

It is the process of the downloads, for the same reasons: the clients have no time-out, log signed
addresses and read settings when they are imported. It says how many bytes it has sent, so an upload
of hours is not taken for dead, and one that hangs is ended (MLMZOO_UPLOAD_TIMEOUT).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlmzoo.contract.errors import (
    HandleError,
    HubAccessError,
    HubUnavailableError,
    InputError,
    MlmzooError,
)
from mlmzoo.contract.records import UploadRequest
from mlmzoo.presets.sources import downloader
from mlmzoo.presets.sources.download_settings import patience
from mlmzoo.presets.sources.hub_faults import local_error
from mlmzoo.presets.sources.progress import Progress, Stalled


@dataclass(frozen=True)
class Hub:
    """Where to, and what errors say of it.

    Args:
        name: What people call the hub.
        handle: The whole handle.
        page: Where to look at what is there.
        log_in: How to become somebody who may upload.
        package: The client.
    """

    name: str
    handle: str
    page: str
    log_in: str
    package: str


def send(hub: Hub, asked: dict[str, Any], request: UploadRequest) -> dict[str, Any]:
    """What the process answers when the preset is there.

    Args:
        hub: Where to.
        asked: What its client takes besides `request`.
        request: The preset.

    Raises:
        HubUnavailableError: The hub could not be reached, failed or stalled.
        HubAccessError: There are no credentials, or the hub refused.
        HandleError: The hub does not take such a name.
        InputError: What was asked contradicts the preset or what is there.
        OSError: This machine failed.
    """
    wanted = {
        **asked,
        "directory": str(request.directory),
        "names": list(request.names),
        "replaced": list(request.replaced),
        "message": request.message,
        "license": request.license,
        "public": request.public,
    }
    sizes = (request.directory.joinpath(*name.split("/")).stat().st_size for name in request.names)
    try:
        with Progress(None, patience("upload"), f"to {hub.handle}", sum(sizes)) as progress:
            answer = downloader.ask(wanted, progress)
    except Stalled as problem:
        answer = {"fault": "stalled", "reason": str(problem)}
    except downloader.Ended as problem:
        why = str(problem).removesuffix(f". {downloader.WITHOUT}")  # which is about loading
        answer = {"fault": "ended", "reason": why}
    if "fault" in answer:
        raise _error(hub, answer)
    return answer


def _error(hub: Hub, fault: dict[str, Any]) -> MlmzooError | OSError:
    """The error that says what `fault` means."""
    asked, why = f"A preset was to be uploaded to {hub.handle}", fault["reason"]
    state = (
        f"The last step was under way: look at {hub.page} for whether it is there"
        if fault.get("last_step")
        else "Nothing of it is to be seen there"
    )
    match fault["fault"]:
        case "local":
            return local_error(fault, asked, "Nothing of it is to be seen there.")
        case "credentials":
            return HubAccessError(f"{asked}, and {hub.name} is not told by whom. {hub.log_in}.")
        case "refused":
            return HubAccessError(
                f"{asked}, and {hub.name} refused it ({why}). {state}. Check the name. "
                f"{hub.log_in}."
            )
        case "rejected":
            return HubAccessError(
                f"{asked}, and {hub.name} did not take it ({why}). {state}. Mend what it says, and "
                "upload again."
            )
        case "changed":
            return HubUnavailableError(
                f"{asked}, and somebody else changed it in the meantime ({why}). {state}. Look at "
                f"{hub.page}, and upload again."
            )
        case "contradiction":
            return InputError(f"{asked}, and {why}. {state}.")
        case "handle":
            return HandleError(f"{asked}, and {why}. {state}.")
        case "client":
            return HubUnavailableError(
                f"{asked}, which needs the package {hub.package}, and that cannot be imported: "
                f"{why}. Run: pip install {hub.package}"
            )
        case "ended":
            return HubUnavailableError(
                f"{asked}, which did not come to its end: {why}. Look at {hub.page}; it is there "
                "as a whole or not at all. Upload it with an ordinary Python."
            )
        case "stalled":
            return HubUnavailableError(
                f"{asked}, which was given up: {why}. Look at {hub.page} before you upload again; "
                "it is there as a whole or not at all. MLMZOO_UPLOAD_TIMEOUT sets how many seconds "
                "without progress are waited for."
            )
        case _:
            return HubUnavailableError(
                f"{asked}, and {hub.name} could not be reached or failed ({why}). {state}. Check "
                "the network and try again later."
            )
