"""Files from the network, checked by their SHA-256 and kept in the user's cache directory."""

from pathlib import Path

from seqmodels.errors import UserError


def cache_directory() -> Path:
    """``$XDG_CACHE_HOME/seqmodels/data``, or what the system has in its place."""
    import pooch  # here, because it imports slowly and most runs download nothing

    return pooch.os_cache("seqmodels") / "data"


def fetch(url: str, sha256: str, name: str) -> Path:
    """The file at ``url``, from the cache where it is there already and undamaged."""
    import pooch
    from requests.exceptions import RequestException

    folder = cache_directory()
    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=folder))
    except RequestException as error:
        raise UserError(
            f"cannot download {url} ({type(error).__name__}): check the network, or put the file "
            f"at {folder / name}"
        ) from error
    except ValueError as error:
        raise UserError(
            f"the file at {url} has another SHA-256 than {sha256}: it changed or was damaged on "
            f"the way; try again, or put the right file at {folder / name}"
        ) from error
