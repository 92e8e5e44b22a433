"""One chart repository on the web."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from tasks.charts.address import request, resolved, shown
from tasks.charts.index import Entry, find, parse_index
from tasks.errors import Refused
from tasks.seams import Web, WebError

OR_MIRROR = "or name a folder of archives with --mirror"
# What a status that is no success means, and what to do.
ANSWERS = {
    401: "wants a login",
    403: "wants a login",
    404: "is not there",
    429: "has been asked too often, start again later",
}


@dataclass(frozen=True)
class Online:
    """address: as `tasks.charts.address.checked` gives it. Its index is fetched once, when it is first looked at."""

    address: str
    web: Web

    @property
    def where(self) -> str:
        return shown(self.address)

    @cached_property
    def charts(self) -> Mapping[str, tuple[Entry, ...]]:
        """A chart's name → its entries, newest first. Refused if the repository doesn't answer with an index."""
        return parse_index(self._get("index.yaml"), self.where)

    def entry(self, name: str, version: str) -> Entry:
        """Refused if it is not there."""
        return find(self.charts, name, version, self.where)

    def content(self, entry: Entry) -> bytes:
        """The archive as it comes. helm takes the first of its urls, too."""
        if not entry.urls:
            raise Refused(
                f"The index of {self.where} doesn't say where {entry.archive} lies: take another version, {OR_MIRROR}."
            )
        return self._get(entry.urls[0])

    def _get(self, url: str) -> bytes:
        bare, headers = request(self.address, resolved(self.address, url))
        try:
            answer = self.web(bare, headers=headers)
        except WebError as error:
            raise Refused(
                f"{shown(bare)} doesn't answer ({error}): look at the network and at the repository in Chart.yaml, "
                f"{OR_MIRROR}."
            ) from None
        if answer.status != 200:
            says = ANSWERS.get(answer.status) or ("fails, start again later" if answer.status >= 500 else "is no file")
            raise Refused(
                f"{shown(bare)} {says} (HTTP {answer.status}): look at the repository in Chart.yaml, {OR_MIRROR}."
            )
        return answer.body
