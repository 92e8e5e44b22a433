"""Real helm takes the charts that are numbered as the real ones, from a repository on loopback, with the deployment's values."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.charts.archive import read
from tasks.loopback import family
from tasks.loopback.charts import CHARTS, Charts, Dependency, Repository
from tasks.parts import cache
from tests.rehearsal import ROOT

GATEWAY = "daskhub.dask-gateway.gateway.auth.jupyterhub"
SUBCHARTS = [chart for chart in family.everything() if chart[0] != "daskhub"]
LATEST = {"jupyterhub": "4.4.0", "dask-gateway": "2026.3.0"}


@dataclass(frozen=True)
class Helm:
    """folder: with a chart of its own in it, which depends on daskhub."""

    folder: Path
    address: str

    def __call__(self, *words: str, fails: bool = False) -> str:
        home = str(self.folder.parent / "home")
        more = {f"HELM_{what}_HOME": f"{home}/{what}" for what in ("CACHE", "CONFIG", "DATA")}
        line = [str(cache.program("helm")), *words]
        ran = subprocess.run(line, env=dict(os.environ) | more, capture_output=True, text=True)
        assert (ran.returncode != 0) == fails, ran.stdout + ran.stderr
        return ran.stderr if fails else ran.stdout

    def depend(self, version: str, repository: str = "") -> None:
        entry = {"name": "daskhub", "version": version, "repository": repository or self.address}
        chart(self.folder, "hub", dependencies=[entry])
        self("dependency", "update", str(self.folder))

    def render(self, *words: str) -> list[Mapping[str, Any]]:
        return objects(self("template", "some", str(self.folder), *values(), *words))


def chart(folder: Path, name: str, version: str = "0.1.0", **more: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": name, "version": version, **more}))


def values() -> list[str]:
    """The deployment's that this repository has, with the secrets' example for secrets, and an image."""
    (common,) = ROOT.glob("deployments/*/config/common.yaml")
    (secrets,) = ROOT.glob("deployments/*/secrets/*.example.yaml")
    image = "daskhub.jupyterhub.singleuser.image"
    return ["--values", str(common), "--values", str(secrets), "--set", f"{image}.name=user,{image}.tag=abc1234"]


def objects(text: str) -> list[Mapping[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


def labelled(found: list[Mapping[str, Any]]) -> set[str]:
    """Charts that the objects say they are of."""
    return {str((each["metadata"].get("labels") or {}).get("helm.sh/chart")) for each in found}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., None]) -> Iterator[Repository]:
    parts("helm")
    folder = tmp_path_factory.mktemp("family")
    family.write(folder, family.everything())
    served = Repository(folder)
    yield served
    served.close()


@pytest.fixture
def helm(repository: Repository, tmp_path: Path) -> Helm:
    return Helm(tmp_path / "chart", repository.address)


@pytest.mark.parametrize(
    ("version", "jupyterhub", "gateway", "group"),
    [
        ("2021.3.0", "0.9.1", "0.8.0", "traefik.containo.us"),
        ("2021.7.2", "1.1.1", "0.9.0", "traefik.containo.us"),
        ("2022.8.2", "1.2.0", "2022.6.1", "traefik.containo.us"),
        ("2022.11.0", "2.0.0", "2022.10.0", "traefik.containo.us"),
        ("2023.1.0", "2.0.0", "2023.1.1", "traefik.containo.us"),
        ("2024.1.0", "3.2.1", "2023.9.0", "traefik.io"),
        ("2024.1.1", "3.2.1", "2024.1.0", "traefik.io"),
    ],
)
def test_each_step_renders_with_the_deployments_values(
    helm: Helm, version: str, jupyterhub: str, gateway: str, group: str
) -> None:
    helm.depend(version)
    found = helm.render()
    assert {f"jupyterhub-{jupyterhub}", f"dask-gateway-{gateway}"} <= labelled(found)
    kinds = {each["kind"]: each["apiVersion"] for each in found}
    assert kinds["IngressRoute"] == kinds["Middleware"] == f"{group}/v1alpha1"
    (hub,) = (each for each in found if (each["kind"], each["metadata"]["name"]) == ("Deployment", "hub"))
    assert hub["spec"]["template"]["spec"]["containers"][0]["image"].endswith(f":{jupyterhub}")


def test_a_chart_of_ones_own_named_daskhub_brings_the_latest_two(helm: Helm, tmp_path: Path) -> None:
    helm.depend("2024.1.1")
    before = helm.render()
    own = tmp_path / "daskhub"
    entries = [{"name": name, "version": version, "repository": helm.address} for name, version in LATEST.items()]
    chart(own, "daskhub", "2024.1.1+jupyterhub.4.4.0.dask-gateway.2026.3.0", dependencies=entries)
    (own / "values.yaml").write_bytes((family.SOURCE / "values.yaml").read_bytes())
    helm("dependency", "update", str(own))
    helm.depend("2024.1.1+jupyterhub.4.4.0.dask-gateway.2026.3.0", "file://../daskhub")
    after = helm.render()
    assert {f"{name}-{version}" for name, version in LATEST.items()} <= labelled(after)
    assert names(after) == names(before)


def names(found: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return sorted((each["kind"], each["metadata"]["name"]) for each in found)


@pytest.mark.parametrize(
    ("version", "told", "untold"),
    [
        ("2021.6.0", "policy/v1beta1", "policy/v1beta1"),
        ("2021.7.2", "policy/v1", "policy/v1"),
        ("2023.1.0", "policy/v1", "policy/v1beta1"),
        ("2024.1.1", "policy/v1", "policy/v1"),
    ],
)
def test_which_budgets_it_has_is_another_matter_when_helm_is_told_the_cluster(
    helm: Helm, version: str, told: str, untold: str
) -> None:
    helm.depend(version)

    def budgets(*words: str) -> set[str]:
        return {each["apiVersion"] for each in helm.render(*words) if each["kind"] == "PodDisruptionBudget"}

    assert budgets() == {untold}
    assert budgets("--api-versions", "policy/v1,policy/v1/PodDisruptionBudget") == {told}


def test_the_gateways_token_may_be_left_out_from_some_version_on(helm: Helm) -> None:
    helm.depend("2022.8.2")
    without = ("--set", f"{GATEWAY}.apiToken=")
    said = helm("template", "some", str(helm.folder), *values(), *without, fails=True)
    assert "gateway.auth.jupyterhub.apiToken must be defined" in said

    helm.depend("2022.11.0")

    def source(*words: str) -> dict[str, str]:
        (api,) = (
            each
            for each in helm.render(*words)
            if (each["kind"], each["metadata"]["name"]) == ("Deployment", "api-some-dask-gateway")
        )
        container = api["spec"]["template"]["spec"]["containers"][0]
        token = next(variable for variable in container["env"] if variable["name"] == "JUPYTERHUB_API_TOKEN")
        found: dict[str, str] = token["valueFrom"]["secretKeyRef"]
        return found

    assert source() == {"name": "api-some-dask-gateway", "key": "jupyterhub-api-token"}
    assert source(*without) == {"name": "hub", "key": "hub.services.dask-gateway.apiToken"}


@pytest.mark.parametrize(("name", "version"), SUBCHARTS)
def test_each_is_a_chart_by_itself_whose_defaults_fit_its_schema(
    helm: Helm, tmp_path: Path, name: str, version: str
) -> None:
    archive = tmp_path / f"{name}-{version}.tgz"
    archive.write_bytes(family.archive(name, version))
    found = objects(helm("template", "some", str(archive), "--kube-version", "1.33", "--include-crds"))
    assert f"{name}-{version}" in labelled(found)


def test_a_schema_refuses_a_key_of_a_later_version(helm: Helm) -> None:
    later = ("--set", "daskhub.jupyterhub.singleuser.allowPrivilegeEscalation=true")
    helm.depend("2022.8.2")
    said = helm("template", "some", str(helm.folder), *values(), *later, fails=True)
    assert "allowPrivilegeEscalation" in said
    helm.depend("2022.11.0")
    assert helm.render(*later)


def test_a_data_centre_offers_them_beside_the_wanted_ones(tmp_path: Path, parts: Callable[..., None]) -> None:
    parts("helm")
    wanted = [
        Dependency("daskhub", "2021.7.2", "https://helm.dask.org"),
        Dependency("daskhub", "2024.1.1+jupyterhub.4.4.0.dask-gateway.2026.3.0", "file://../daskhub"),
    ]
    charts = Charts(tmp_path / "kept", wanted, os.environ, CHARTS)
    charts.close()
    offered = yaml.safe_load((tmp_path / "kept" / "index.yaml").read_text())["entries"]
    assert {(name, entry["version"]) for name in offered for entry in offered[name]} == set(family.everything())
    assert "file://../daskhub" not in charts.repositories
    assert set(family.REPOSITORIES.values()) < set(charts.repositories)

    def archived(version: str) -> Any:
        file = tmp_path / "kept" / f"daskhub-{version}.tgz"
        return read(file.read_bytes(), file.name)

    own, later = archived("2021.7.2"), archived("2024.1.1")
    definitions = [document for file in own.named("dask-gateway").crds for document in file.documents]
    assert {each["apiVersion"] for each in definitions} == {"apiextensions.k8s.io/v1"}  # which the data centre takes
    answering = own.named("jupyterhub").app_version
    assert later.named("jupyterhub").app_version == answering
    assert later == read(family.archive("daskhub", "2024.1.1", answering), "x")
