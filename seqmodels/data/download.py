"""Downloads, verified by their SHA-256 and stored in the user's cache directory."""

from pathlib import Path

from seqmodels.errors import UserError


def cache_directory() -> Path:
    """Return ``$XDG_CACHE_HOME/seqmodels/data``, or the system's equivalent."""
    import pooch  # slow to import, and most runs download nothing

    return pooch.os_cache("seqmodels") / "data"


def fetch(url: str, sha256: str, name: str) -> Path:
    """Return the path of the file at ``url``, downloaded unless the cache has it undamaged."""
    import pooch
    from requests.exceptions import RequestException

    folder = cache_directory()
    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=folder))
    except RequestException as error:
        raise UserError(
            f"cannot download {url} ({type(error).__name__}); check the network, or save the file "
            f"as {folder / name}"
        ) from error
    except ValueError as error:
        raise UserError(
            f"the SHA-256 of {url} is not {sha256}: the file was changed or damaged; try again, or "
            f"save the right file as {folder / name}"
        ) from error
