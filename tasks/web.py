"""HTTP, as far as a deploy asks a hub whether it is well. The way in for everybody: through the proxy, not the cluster."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.seams import Answer, WebError

LIMIT = 30.0  # seconds: a hub that starts somebody's server answers after 10, if that takes longer


def ask(
    url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """Any answer, whatever its status. Raises WebError if there is none."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        request = Request(url, data=body, method=method)
        for name, text in (headers or {}).items():
            # A login is for whom it was meant, and for nobody that they point to.
            (request.add_unredirected_header if name == "Authorization" else request.add_header)(name, text)
        with urlopen(request, timeout=LIMIT) as answer:
            return Answer(answer.status, answer.read(), dict(answer.headers))
    except HTTPError as error:
        with error:
            return Answer(error.code, error.read(), dict(error.headers))
    except (OSError, HTTPException, ValueError) as error:
        raise WebError(str(getattr(error, "reason", error)) or type(error).__name__) from None
