"""Archives and indexes as nobody should send them, made of the practice charts that are numbered as the real ones."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping

import yaml

from tasks.loopback import family

NAME, VERSION = "daskhub", "2022.8.2"
Files = Mapping[str, bytes]  # name of the member → content


def members(archive: bytes) -> dict[str, bytes]:
    """Name, with the chart's folder, → content."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {member.name: opened.read() for member in tar if (opened := tar.extractfile(member))}


def packed(files: Files, *others: tarfile.TarInfo) -> bytes:
    """others: members that are no files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
        for other in others:
            tar.addfile(other)
    return gzip.compress(content.getvalue(), mtime=0)


def good(name: str = NAME, version: str = VERSION) -> bytes:
    return family.archive(name, version)


def no_archive() -> bytes:
    """What a proxy says instead of handing out a file."""
    return b"<html><body>Please log in</body></html>\n"


def no_chart() -> bytes:
    """An archive, with a folder of the right name, in which nothing is a chart."""
    return packed({f"{NAME}/README.md": b"Nothing here\n"})


def climbing() -> bytes:
    return packed(members(good()) | {f"{NAME}/../../evil": b"evil\n"})


def absolute() -> bytes:
    return packed(members(good()) | {"/tmp/evil": b"evil\n"})


def linking(kind: bytes = tarfile.SYMTYPE, target: str = "../../../etc/passwd") -> bytes:
    """kind: tarfile.SYMTYPE or tarfile.LNKTYPE."""
    link = tarfile.TarInfo(f"{NAME}/templates/link.yaml")
    link.type, link.linkname = kind, target
    return packed(members(good()), link)


def truncated() -> bytes:
    """A download that broke off."""
    whole = good()
    return whole[: len(whole) // 2]


def bomb(size: int = 2**27) -> bytes:
    """A thousandth of that as an archive. size: bytes of one file when it is unpacked."""
    return packed(members(good()) | {f"{NAME}/files/zeros": bytes(size)})


def nested() -> bytes:
    """The charts inside lie in charts/ as archives only, as `helm package` leaves them after `helm dependency update`."""
    inside = f"{NAME}/charts/"
    files = {path: text for path, text in members(good()).items() if not path.startswith(inside)}
    for name, version in contains().items():
        files[f"{inside}{name}-{version}.tgz"] = family.archive(name, version)
    return packed(files)


def renamed(folder: str = "something") -> bytes:
    """The chart's folder has another name than the chart."""
    return packed({f"{folder}/{path.partition('/')[2]}": text for path, text in members(good()).items()})


def contains() -> dict[str, str]:
    """Name → version of the charts inside."""
    metadata = (yaml.safe_load(text) for path, text in members(good()).items() if path.endswith("/Chart.yaml"))
    return {entry["name"]: entry["version"] for entry in metadata if entry["name"] != NAME}


def wrong_digest(index: bytes, name: str = NAME, version: str = VERSION) -> bytes:
    """The same index, in which one archive's digest is not that archive's."""
    document = yaml.safe_load(index)
    for entry in document["entries"][name]:
        if entry["version"] == version:
            entry["digest"] = entry["digest"][::-1]
    return yaml.safe_dump(document).encode()
