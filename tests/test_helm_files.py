"""What lies in a chart's folder: its lock, and archives, which nobody has to trust."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.hub.chart import Chart
from tasks.parts import cache
from tasks.seams import Ran, Seams
from tasks.tools.helm import lock_digest, values
from tests.rehearsal import ROOT
from tests.strategies import examples

DEPENDENCY = {"name": "web", "version": "1.2.3", "repository": "https://charts.example.org"}
CRD = {"kind": "CustomResourceDefinition", "metadata": {"name": "things.example.org"}}


def metadata(name: str, version: str = "1.2.3", **more: Any) -> bytes:
    return yaml.safe_dump({"apiVersion": "v2", "name": name, "version": version, **more}).encode()


def packed(files: Mapping[str, bytes], *others: tarfile.TarInfo) -> bytes:
    """others: members that are no files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for other in others:
            archive.addfile(other)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


WEB = packed({"web/Chart.yaml": metadata("web", appVersion="9")})


def chart(root: Path, archives: Mapping[str, bytes], *dependencies: Mapping[str, Any]) -> Chart:
    """A chart's folder with a lock that fits. Where a program would be run, it is missing."""
    wanted = list(dependencies) or [DEPENDENCY]
    locked = [{key: entry[key] for key in DEPENDENCY} for entry in wanted]
    (root / "chart" / "charts").mkdir(parents=True)
    (root / "chart" / "Chart.yaml").write_text(
        yaml.safe_dump({"name": "hub", "version": "1.0.0", "dependencies": wanted})
    )
    lock = {"dependencies": locked, "digest": lock_digest(wanted, locked)}
    (root / "chart" / "Chart.lock").write_text(yaml.safe_dump(lock))
    for name, content in archives.items():
        (root / "chart" / "charts" / name).write_bytes(content)
    return Chart(seams(root), "chart")


def seams(root: Path, pulled: bytes | None = None) -> Seams:
    """pulled: what `helm pull` puts into its folder, if it gets anything."""

    def run(argv: list[str], **_how: Any) -> Ran:
        if pulled is None:
            return Ran(tuple(argv), 1, "", "Error: no such host")
        folder = next(word.partition("=")[2] for word in argv if word.startswith("--destination="))
        (Path(folder) / "web-1.2.3.tgz").write_bytes(pulled)
        return Ran(tuple(argv), 0, "", "")

    nothing: Any = None
    return Seams(run, nothing, nothing, DiskFolder(root), nothing)  # type: ignore[arg-type]


# ---- Chart.lock


def test_the_digest_is_the_one_that_helm_wrote_into_the_repositorys_lock() -> None:
    wanted = yaml.safe_load((ROOT / "chart" / "Chart.yaml").read_text())["dependencies"]
    lock = yaml.safe_load((ROOT / "chart" / "Chart.lock").read_text())
    assert lock["digest"] == lock_digest(wanted, lock["dependencies"])


def test_the_digest_is_helms_own_for_every_key_of_a_dependency(parts: Callable[..., None], tmp_path: Path) -> None:
    parts("helm")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Chart.yaml").write_bytes(metadata("web"))
    (tmp_path / "hub").mkdir()
    entry = {"name": "web", "version": ">=1.0.0 <2", "repository": "file://../web"}
    more = {"condition": "a.b,c.d", "tags": ["one", "two"], "alias": "site", "enabled": True}
    imports = ["data", {"parent": "p", "child": "c"}]
    wanted: list[dict[str, Any]] = [entry, {**entry, **more, "import-values": imports}]
    (tmp_path / "hub" / "Chart.yaml").write_text(
        yaml.safe_dump({"apiVersion": "v2", "name": "hub", "version": "1.0.0", "dependencies": wanted}, sort_keys=False)
    )
    helm = str(cache.program("helm"))
    subprocess.run([helm, "dependency", "update", str(tmp_path / "hub")], check=True, capture_output=True)
    lock = yaml.safe_load((tmp_path / "hub" / "Chart.lock").read_text())
    assert lock["digest"] == lock_digest(wanted, lock["dependencies"])


@pytest.mark.parametrize("key", ["name", "version", "repository", "condition", "tags", "import-values", "alias"])
def test_the_digest_depends_on_every_key(key: str) -> None:
    other = {**DEPENDENCY, key: ["x"] if key in ("tags", "import-values") else "x"}
    assert lock_digest([other], [DEPENDENCY]) != lock_digest([DEPENDENCY], [DEPENDENCY])


def test_a_lock_of_another_chart_is_refused(tmp_path: Path) -> None:
    found = chart(tmp_path, {})
    text = (tmp_path / "chart" / "Chart.yaml").read_text()
    (tmp_path / "chart" / "Chart.yaml").write_text(text.replace("1.2.3", "1.2.4"))
    with pytest.raises(Refused, match=r"chart/Chart.lock is out of step with Chart.yaml"):
        found.locked()
    (tmp_path / "chart" / "Chart.lock").unlink()
    with pytest.raises(Refused, match=r"chart/Chart.lock is missing"):
        found.locked()


def test_a_chart_without_dependencies_needs_no_lock(tmp_path: Path) -> None:
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").write_bytes(metadata("hub"))
    found = Chart(seams(tmp_path), "chart")
    assert (found.locked(), found.missing(), found.inside()) == ([], [], [])
    with pytest.raises(Refused, match="There is no chart in other/"):
        Chart(seams(tmp_path), "other").metadata()


# ---- what is in archives


def test_every_chart_inside_is_found_packed_or_not_under_the_path_of_its_values(tmp_path: Path) -> None:
    deep = packed({"deep/Chart.yaml": metadata("deep", "0.1.0")})
    archive = packed(
        {
            "web/Chart.yaml": metadata("web", appVersion="9"),
            "web/charts/open/Chart.yaml": metadata("open", "2.0.0"),
            "web/charts/open/charts/inner/Chart.yaml": metadata("inner"),
            "web/charts/deep-0.1.0.tgz": deep,
            "web/charts/README.md": b"no chart",
            "web/charts/notes/x.txt": b"no chart",
            "web/templates/Chart.yaml": metadata("template"),
        }
    )
    found = chart(tmp_path, {"web-1.2.3.tgz": archive}, {**DEPENDENCY, "alias": "site"})
    assert found.missing() == []
    assert [(inside.path, inside.name, inside.version, inside.app_version) for inside in found.inside()] == [
        ("site", "web", "1.2.3", "9"),
        ("site.deep", "deep", "0.1.0", ""),
        ("site.open", "open", "2.0.0", ""),
        ("site.open.inner", "inner", "1.2.3", ""),
    ]
    assert [inside.path for inside in found.named("inner")] == ["site.open.inner"]


def test_a_chart_may_be_there_twice_under_two_names(tmp_path: Path) -> None:
    found = chart(tmp_path, {"web-1.2.3.tgz": WEB}, DEPENDENCY, {**DEPENDENCY, "alias": "second"})
    assert [inside.path for inside in found.inside()] == ["web", "second"]


def test_crds_are_the_definitions_below_crds(tmp_path: Path) -> None:
    other = {**CRD, "metadata": {"name": "others.example.org"}}
    files = {
        "web/Chart.yaml": metadata("web"),
        "web/crds/b.yaml": yaml.safe_dump_all([None, other, {"kind": "ConfigMap"}, ["x"]]).encode(),
        "web/crds/deeper/a.yml": yaml.safe_dump(CRD).encode(),
        "web/crds/README.md": yaml.safe_dump(CRD).encode(),
        "web/templates/crd.yaml": yaml.safe_dump(CRD).encode(),
        "web/charts/sub/Chart.yaml": metadata("sub"),
        "web/charts/sub/crds/c.json": b'{"kind": "CustomResourceDefinition", "metadata": {"name": "c"}}',
    }
    web, sub = chart(tmp_path, {"web-1.2.3.tgz": packed(files)}).inside()
    assert [crd["metadata"]["name"] for file in web.crds for crd in file.documents] == [
        "others.example.org",
        "things.example.org",
    ]
    assert [crd["metadata"]["name"] for file in sub.crds for crd in file.documents] == ["c"]


GOOD = {"web/Chart.yaml": metadata("web")}
BAD: dict[str, bytes] = {
    "empty": b"",
    "no archive": b"<html>404</html>",
    "gzip of something else": packed({})[:20],
    "cut off": WEB[: len(WEB) // 2],
    "an archive of nothing": packed({}),
    "no Chart.yaml": packed({"web/values.yaml": b""}),
    "Chart.yaml at the top": packed({"Chart.yaml": metadata("web")}),
    "Chart.yaml that is a link": packed({"web/values.yaml": b""}, link("web/Chart.yaml", "/etc/passwd")),
    "Chart.yaml that is a hard link": packed(
        {"web/values.yaml": b""}, link("web/Chart.yaml", "web/values.yaml", tarfile.LNKTYPE)
    ),
    "Chart.yaml that is a pipe": packed({"web/values.yaml": b""}, link("web/Chart.yaml", "", tarfile.FIFOTYPE)),
    "Chart.yaml that is no YAML": packed({"web/Chart.yaml": b"a: ["}),
    "Chart.yaml that is no text": packed({"web/Chart.yaml": b"\xff\xfe\xff"}),
    "Chart.yaml that is a list": packed({"web/Chart.yaml": b"[]"}),
    "Chart.yaml that is empty": packed({"web/Chart.yaml": b""}),
    "no version": packed({"web/Chart.yaml": b"name: web"}),
    "no name": packed({"web/Chart.yaml": b"version: 1.2.3"}),
    "another version": packed({"web/Chart.yaml": metadata("web", "1.2.4")}),
    "another chart": packed({"other/Chart.yaml": metadata("other")}),
    "a broken CRD": packed({**GOOD, "web/crds/x.yaml": b"a: ["}),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_is_not_the_chart_of_that_name_is_missing(tmp_path: Path, content: bytes) -> None:
    assert chart(tmp_path, {"web-1.2.3.tgz": content}).missing() == ["web-1.2.3.tgz"]


@examples(150)
@given(st.integers(0, len(WEB) - 1), st.integers(1, 255))
def test_a_damaged_archive_is_missing_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: int, by: int
) -> None:
    content = bytearray(WEB)
    content[place] ^= by
    found = chart(tmp_path_factory.mktemp("chart"), {"web-1.2.3.tgz": bytes(content)})
    assert found.missing() in ([], ["web-1.2.3.tgz"])


CLIMBERS = [
    "../escaped",
    "web/../../escaped",
    "/tmp/escaped",
    "web/charts/../../escaped",
    "web/crds/../../escaped.yaml",
]


@pytest.mark.parametrize("name", CLIMBERS)
def test_members_that_climb_out_are_never_extracted(tmp_path: Path, name: str) -> None:
    content = packed(
        {**GOOD, name: b"kind: CustomResourceDefinition"}, link("web/out", ".."), link("web/out/x", "/etc")
    )
    found = chart(tmp_path, {"web-1.2.3.tgz": content})
    before = sorted(tmp_path.rglob("*"))
    if not found.missing():
        assert [inside.path for inside in found.inside()] == ["web"]
    assert sorted(tmp_path.rglob("*")) == before
    assert not list(tmp_path.parent.glob("escaped*"))
    assert not Path("/tmp/escaped").exists()


# ---- stale archives, and fetching


def test_archives_that_no_dependency_names_are_strangers(tmp_path: Path) -> None:
    found = chart(tmp_path, {"web-1.2.3.tgz": WEB, "web-1.2.2.tgz": WEB, "old-1.0.0.tgz": b"", "notes.txt": b""})
    assert found.strangers() == ["old-1.0.0.tgz", "web-1.2.2.tgz"]


def test_strangers_go_and_what_is_missing_comes(tmp_path: Path) -> None:
    found = chart(tmp_path, {"web-1.2.2.tgz": WEB})
    Chart(seams(tmp_path, WEB), "chart").fetch(tmp_path)
    assert sorted(file.name for file in (tmp_path / "chart" / "charts").iterdir()) == ["web-1.2.3.tgz"]
    assert (found.missing(), found.strangers()) == ([], [])


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    chart(tmp_path, {"web-1.2.3.tgz": WEB}).fetch(tmp_path)  # there is no network


def test_what_does_not_come_is_refused_with_what_helm_said(tmp_path: Path) -> None:
    with pytest.raises(
        Refused, match=r"web-1.2.3.tgz can't be fetched from https://charts.example.org \(no such host\)"
    ):
        chart(tmp_path, {}).fetch(tmp_path)


def test_another_archive_under_the_right_name_is_refused(tmp_path: Path) -> None:
    chart(tmp_path, {})
    with pytest.raises(Refused, match=r"web-1.2.3.tgz came, but is not what Chart.lock names"):
        Chart(seams(tmp_path, BAD["another version"]), "chart").fetch(tmp_path)


def test_a_dependency_that_climbs_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not a path inside"):
        chart(tmp_path, {}, {**DEPENDENCY, "name": "../../../web"}).missing()


def test_values_files_keep_their_order_and_single_values_come_last() -> None:
    assert values(["a", "b"], {"x.y": "1"}) == ["--values=a", "--values=b", "--set-string=x.y=1"]


INNER = {"name": "inner", "version": "2.0.0", "repository": "http://127.0.0.1:9"}
LOCAL = {"name": "web", "version": "1.2.3", "repository": "file://../web"}


def local_chart(root: Path) -> Chart:
    """A chart whose only dependency is the folder beside it, which depends on `inner` and has it. helm is real."""
    files = {
        "Chart.yaml": metadata("web", dependencies=[INNER]),
        "Chart.lock": yaml.safe_dump({"dependencies": [INNER], "digest": lock_digest([INNER], [INNER])}).encode(),
        "values.yaml": b"a: 1\n",
        "templates/note.yaml": b"# nothing\n",
        "charts/inner-2.0.0.tgz": packed({"inner/Chart.yaml": metadata("inner", "2.0.0")}),
    }
    for name, content in files.items():
        DiskFolder(root).write(f"web/{name}", content)
    helm = str(cache.program("helm"))

    def run(argv: list[str], **_how: Any) -> Ran:
        done = subprocess.run([helm, *argv[1:]], cwd=root, capture_output=True, text=True, check=False)
        return Ran(tuple(argv), done.returncode, done.stdout, done.stderr)

    return Chart(replace(chart(root, {}, LOCAL).seams, run=run), "chart")  # type: ignore[arg-type]


def test_a_local_chart_is_packaged_anew_whenever_its_files_changed(tmp_path: Path, parts: Callable[..., None]) -> None:
    parts("helm")
    found = local_chart(tmp_path)
    changes = {"values.yaml": b"a: 2\n", "values.schema.json": b"{}", "templates/more.yaml": b"# more\n"}
    for name, content in changes.items():
        DiskFolder(tmp_path).write(f"web/{name}", content)
        assert found.missing() == ["web-1.2.3.tgz"]
        found.fetch(tmp_path)
        assert found.missing() == []
        assert [inside.path for inside in found.inside()] == ["web", "web.inner"]


def test_a_local_chart_without_its_own_archives_is_not_taken_for_whole(
    tmp_path: Path, parts: Callable[..., None]
) -> None:
    parts("helm")
    found = local_chart(tmp_path)
    found.fetch(tmp_path)
    (tmp_path / "web" / "charts" / "inner-2.0.0.tgz").unlink()
    assert found.missing() == ["web-1.2.3.tgz"]
    with pytest.raises(Refused, match=r"inner-2.0.0.tgz can't be fetched from http://127.0.0.1:9"):
        found.fetch(tmp_path)
