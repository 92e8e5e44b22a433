"""What is wrong is said in one sentence, before anything has changed, and without a word of what is secret."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.loopback.charts import Dependency
from tests.real_parts.centre import NOTHING, OTHER_ROLE, ROLE, SMALL, WEB
from tests.real_parts.forbidding import forbidding
from tests.real_parts.hub import PUSHER, Hub
from tests.real_path.rig import wait_for

NOBODY = "http://127.0.0.1:9"  # nobody listens there


def refused(hub: Hub, *words: str, more: Mapping[str, str] = NOTHING) -> str:
    """The one sentence."""
    before = hub.versions, sources(hub)
    run = hub.run("deploy", *words, more=more)
    assert run.exit == 1, run.out + run.err
    assert "Traceback" not in run.out + run.err
    sentence = run.err.strip()
    assert len(sentence.splitlines()) == 1, sentence
    assert sentence.endswith((".", "`")), sentence
    assert hub.token not in run.out + run.err
    assert (hub.versions, sources(hub)) == before
    assert hub.holder == ""
    return sentence


def sources(hub: Hub) -> dict[str, bytes]:
    """But for archives, which are a cache."""
    return {name: text for name, text in hub.files.items() if not name.startswith("chart/charts/")}


def test_names_that_nobody_has(hub: Hub) -> None:
    assert f"no deployment 'nobody': deployments/ has {hub.name}" in refused(hub, "--deployment=nobody")
    assert "no environment 'nobody', only develop, staging, prod" in refused(hub, "--environment=nobody")
    by_helm = {"INVOKE_DEPLOY_WITH": "helm"}
    said = refused(hub, "--environment=nobody", more=by_helm)
    assert f"neither deployments/{hub.name}/config/nobody.yaml nor deployments/{hub.name}/secrets/nobody.yaml" in said
    assert "deploy.with is 'hand'" in refused(hub, more={"INVOKE_DEPLOY_WITH": "hand"})


def test_secrets_that_are_none(hub: Hub) -> None:
    file, encrypted = str(hub.secrets_file.relative_to(hub.tree)), hub.secrets_file.read_text()
    hub.secrets_file.unlink()
    assert refused(hub).startswith(f"{file} is missing, and hubploy would deploy without any secrets")
    hub.secrets_file.write_text(yaml.safe_dump({"small": {"token": hub.token}}))
    assert refused(hub).startswith(f"{file} is not encrypted")
    hub.secrets_file.write_text("")
    assert refused(hub).startswith(f"{file} is not encrypted")
    hub.secrets_file.write_text(f"small: {{token: {hub.token}\n")
    assert refused(hub).startswith(f"{file} is no YAML, line 2")
    hub.secrets_file.write_text(encrypted.replace("data:", "data:AAAA", 1))
    assert refused(hub).startswith(f"{file} was changed by hand after it was encrypted")
    hub.secrets_file.write_text(encrypted.replace("small:", "large:", 1))
    assert refused(hub).startswith(f"{file} was changed by hand after it was encrypted")


def test_values_that_break_the_schema(hub: Hub) -> None:
    hub.values(token="", greeting=3)
    file = f"deployments/{hub.name}/config/common.yaml"
    assert f"{file}, line 3, small.greeting: Invalid type. Expected: string, given: integer" in refused(hub)
    hub.values(image={"nmae": "x"})
    assert f"{file}, line 3, small.image.nmae: Additional property nmae is not allowed" in refused(hub)
    hub.values()
    hub.programs.encrypt({"small": {"token": hub.token, "greeting": 1234567890}}, hub.secrets_file)
    said = refused(hub)
    assert f"{hub.secrets_file.relative_to(hub.tree)}, line " in said
    assert "small.greeting: Invalid type" in said
    assert "1234567890" not in said


def test_a_chart_repository_that_is_down(hub: Hub) -> None:
    hub.depend_on(SMALL, repository=NOBODY)
    assert f"The chart {SMALL.archive} can't be fetched from {NOBODY}" in refused(hub)
    hub.depend_on(Dependency("small", "9.9.9"))
    assert "The chart small-9.9.9.tgz can't be fetched" in refused(hub)
    hub.depend_on(SMALL)
    hub.deploys("diff")
    hub.depend_on(SMALL, repository=NOBODY)
    assert "diff: 5 added" in hub.deploys()  # the archives are there


def test_a_lock_that_is_none(hub: Hub) -> None:
    lock = hub.tree / "chart" / "Chart.lock"
    text = lock.read_text()
    lock.unlink()
    assert refused(hub).startswith("chart/Chart.lock is missing: `helm dependency update chart` makes it")
    hub.depend_on(SMALL, WEB)
    lock.write_text(text)
    assert refused(hub).startswith("chart/Chart.lock is out of step with Chart.yaml")
    lock.write_text("dependencies: [\n")
    assert refused(hub).startswith("chart/Chart.lock is no YAML")


def test_an_archive_that_is_another_chart(hub: Hub) -> None:
    """It is fetched anew; and what nobody has asked for is not rendered."""
    hub.deploys("diff")
    charts = hub.tree / "chart" / "charts"
    (charts / SMALL.archive).write_bytes(b"half an archive")
    shutil.copy(hub.datacentre.state / "charts" / WEB.archive, charts)
    assert "diff: 5 added" in hub.deploys("diff")
    assert [file.name for file in charts.iterdir()] == [SMALL.archive]


def test_an_image_that_was_never_built(hub: Hub) -> None:
    image = hub.deployment / "image" / "environment.yml"
    image.write_text("name: changed\n")
    hub.git("commit", "--quiet", "--all", "--message=image")
    said = refused(hub)
    assert f"hub/user:{hub.tag} is not in the registry: `invoke build-image" in said


def test_a_clone_without_history(hub: Hub) -> None:
    """The image's tag would be another one."""
    image = hub.deployment / "image" / "environment.yml"
    image.write_text("name: changed\n")
    hub.git("commit", "--quiet", "--all", "--message=image")
    hub.git("fetch", "--quiet", "--depth=1", f"file://{hub.tree}", "HEAD")
    hub.git("update-ref", "HEAD", "FETCH_HEAD")
    (hub.tree / ".git" / "shallow").write_text(hub.git("rev-parse", "HEAD"))
    assert refused(hub).startswith("This clone is shallow")


def test_roles_that_may_not(hub: Hub) -> None:
    hub.say(role=OTHER_ROLE)
    assert "does not know this AWS identity: it needs an access entry" in refused(hub)
    hub.say()
    aws = hub.datacentre.environment["AWS_ENDPOINT_URL"]
    for what, sentence in (
        (ROLE.rpartition("/")[2], f"This AWS identity may not assume {ROLE} "),
        (PUSHER.rpartition("/")[2], f"This AWS identity may not assume {PUSHER} "),
        ("BatchGetImage", "This AWS identity may not look at hub/user "),
        ("TrentService.Decrypt", "This AWS identity may not use the key that deployments/"),
        ("GetCallerIdentity", "This AWS identity may not do that "),
    ):
        with forbidding(aws, what) as front:
            assert refused(hub, more={"AWS_ENDPOINT_URL": front}).startswith(sentence)


def test_credentials_for_something_else(hub: Hub) -> None:
    said = refused(hub, more=hub.programs.assume(PUSHER))
    assert said.startswith("The AWS credentials are for account 333333333333")
    assert "AWS can't be reached" in refused(hub, more={"AWS_ENDPOINT_URL": NOBODY})


def test_somebody_whom_the_cluster_lets_do_nothing(hub: Hub) -> None:
    hub.say(provider="kubeconfig", kubeconfig={"filename": "kubeconfig.yaml"})
    hub.kubectl("create", "serviceaccount", "nobody")
    settings = yaml.safe_load(hub.datacentre.kubeconfig.read_text())
    settings["users"][0]["user"] = {"token": hub.kubectl("create", "token", "nobody").strip()}
    hub.secrets_file.with_name("kubeconfig.yaml").write_text(yaml.safe_dump(settings))
    assert "This AWS identity may not do that inside the cluster" in refused(hub)


def test_a_name_that_another_chart_has(hub: Hub) -> None:
    other = hub.folder / "other"
    other.mkdir()
    (other / "Chart.yaml").write_text("{apiVersion: v2, name: other, version: 1.0.0}")
    hub.helm("install", hub.release, str(other))
    said = refused(hub)
    assert f"{hub.release} in {hub.name} is a release of the chart other-1.0.0, not of hub" in said
    hub.helm("uninstall", hub.release)
    hub.deploys()
    hub.helm("uninstall", hub.release, "--keep-history")
    assert f"{hub.release} is uninstalled" in refused(hub)


def test_two_at_once(hub: Hub) -> None:
    """The second one is told who the first is, which comes to its end."""
    hub.values(nodeSelector={hub.name: "true"})
    first = hub.begin("deploy")
    wait_for(lambda: "web" in hub.kubectl("get", "deployments", "--output=name"), "helm")
    second = hub.run("deploy")
    assert second.exit == 1
    assert f"is at work on this cluster (process {first.process.pid})" in second.err
    assert len(second.err.strip().splitlines()) == 1
    node = hub.programs.kubectl("get", "nodes", "--output=name").splitlines()[0]
    hub.programs.kubectl("label", node, f"{hub.name}=true")
    assert first.exit == 0, first.out + first.err
    assert hub.revisions == [(1, "deployed")]
    assert hub.holder == ""


@pytest.mark.parametrize("program", ["helm", "sops", "kubectl", "git"])
def test_a_program_that_is_not_there(hub: Hub, program: str) -> None:
    path = {"PATH": str(without(hub, program))}
    said = refused(hub, more=path)
    assert program in said
    if program != "git":
        assert f"{program} is not installed" in said


def test_a_helm_that_is_too_old(hub: Hub) -> None:
    folder = without(hub, "helm")
    (folder / "helm").write_text("#!/bin/sh\necho v3.12.3\n")
    (folder / "helm").chmod(0o755)
    assert refused(hub, more={"PATH": str(folder)}).startswith(
        "helm v3.12.3 is not one that this is made for: install 3.13.0 or a later helm 3"
    )


def without(hub: Hub, program: str) -> Path:
    """A PATH that has everything else."""
    folder = hub.folder / f"without {program}"
    folder.mkdir()
    for name in {"helm", "sops", "kubectl", "git", "sh", "diff"} - {program}:
        found = shutil.which(name, path=hub.environment["PATH"])
        assert found
        (folder / name).symlink_to(os.path.realpath(found))
    return folder


BROKEN: list[tuple[Any, str]] = [
    ("cluster: {provider: aws\n", "is no YAML, line 2"),
    ([], "can't be understood"),
    ({"images": {}}, "it has no `cluster`"),
    ({"cluster": {"provider": "gcloud", "gcloud": {}}}, "`cluster` has the provider 'gcloud'"),
    ({"cluster": {"provider": "aws", "aws": {"project": "1"}}}, "`cluster.aws` needs project and zone"),
    ({"cluster": {"provider": "aws", "aws": {"project": "1", "zone": "x"}}}, "`cluster.aws` needs cluster, its name"),
    (
        {"cluster": {"provider": "aws", "aws": {"project": "1", "zone": "x", "cluster": "other"}}},
        "is about the cluster other in x, infra/small.yaml about practice in eu-central-1: make them agree",
    ),
    ({"images": {"images": [{"path": "image"}]}, "cluster": {}}, "can't be understood"),
    ({"images": "none", "cluster": {}}, "can't be understood"),
]


def test_settings_of_hubploy_that_are_broken(hub: Hub) -> None:
    file = hub.deployment / "hubploy.yaml"
    for content, sentence in BROKEN:
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        said = refused(hub)
        assert said.startswith(f"deployments/{hub.name}/hubploy.yaml ")
        assert sentence in said
