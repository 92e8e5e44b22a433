"""hubploy.yaml in all of its forms, and which deployment and environment a task means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.hub.deployment import choose, names, refuse_unknown_environment
from tasks.plan.deployment import ENVIRONMENTS, Access, Deployment, Image, parse
from tests.rehearsal import ROOT

AWS = {"project": 1234, "zone": "eu-west-1", "cluster": "hub", "role_arn": "arn:role"}
CLUSTER = {"provider": "aws", "aws": AWS}
REGISTRY = {"provider": "aws", "aws": {"account_id": "1234", "region": "eu-west-1"}}
PLACE = "jupyterhub.singleuser.image"


def write(root: Path, name: str, document: Any) -> DiskFolder:
    folder = root / "deployments" / name
    folder.mkdir(parents=True)
    (folder / "hubploy.yaml").write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return DiskFolder(root)


def test_one_image_lies_in_the_folder_image() -> None:
    images = {"image_name": "registry/user", "registry": REGISTRY}
    found = parse("hub", {"images": images, "cluster": CLUSTER})
    assert found.images == (Image("registry/user", "image", PLACE),)
    found = parse("hub", {"images": {**images, "image_config_path": "a.b"}, "cluster": CLUSTER})
    assert found.images == (Image("registry/user", "image", "a.b"),)


def test_several_images_say_where_they_lie() -> None:
    listed = [{"name": "r/a", "path": "a"}, {"name": "r/b", "path": "b/c", "helm_substitution_path": "x.y"}]
    found = parse("hub", {"images": {"images": listed, "registry": REGISTRY}, "cluster": CLUSTER})
    assert found.images == (Image("r/a", "a", PLACE), Image("r/b", "b/c", "x.y"))


@pytest.mark.parametrize("images", [None, {}, {"images": None}, {"images": []}])
def test_a_deployment_may_have_no_image(images: Any) -> None:
    found = parse("hub", {"images": images, "cluster": CLUSTER})
    assert (found.images, found.registry) == ((), None)


@pytest.mark.parametrize("account", ["project", "account_id"])
@pytest.mark.parametrize("region", ["zone", "region"])
def test_account_and_region_have_an_old_and_a_new_name(account: str, region: str) -> None:
    section = {"provider": "aws", "aws": {account: 1234, region: "eu-west-1", "cluster": "hub"}}
    found = parse("hub", {"images": {"registry": section}, "cluster": section})
    assert found.cluster == found.registry == Access("aws", "1234", "eu-west-1", "", "hub")


def test_roles_are_taken_over_and_nothing_is_no_role() -> None:
    assert parse("hub", {"cluster": CLUSTER}).cluster.role == "arn:role"
    assert parse("hub", {"cluster": {"provider": "aws", "aws": {**AWS, "role_arn": None}}}).cluster.role == ""


@pytest.mark.parametrize("provider", ["kubeconfig", "dockerconfig"])
def test_access_may_be_a_file_of_ones_own(provider: str) -> None:
    section = {"provider": provider, provider: {"filename": "access.yaml"}}
    found = parse("hub", {"images": {"registry": section}, "cluster": section})
    assert found.cluster == found.registry == Access(provider, file="access.yaml")


def test_files_and_the_release_are_named_as_hubploy_names_them() -> None:
    found = Deployment("hub", (), None, Access("kubeconfig", file="x"))
    assert found.release("prod") == "hub-prod"
    assert found.values_files("prod") == ("deployments/hub/config/common.yaml", "deployments/hub/config/prod.yaml")
    assert found.secrets_file("prod") == "deployments/hub/secrets/prod.yaml"
    assert found.folder("image") == "deployments/hub/image"


def without(key: str) -> dict[str, Any]:
    return {"provider": "aws", "aws": {name: value for name, value in AWS.items() if name != key}}


BROKEN: dict[str, tuple[Any, str]] = {
    "empty": ("", "it has no `cluster`"),
    "a list": ([], "it is no mapping"),
    "a word": ("hub", "it is no mapping"),
    "no cluster": ({"images": {}}, "it has no `cluster`"),
    "an empty cluster": ({"cluster": None}, "`cluster` has the provider None"),
    "a cluster that is a word": ({"cluster": "hub"}, "`cluster` has the provider None"),
    "another provider": ({"cluster": {"provider": "gcloud", "gcloud": {}}}, "the provider 'gcloud'"),
    "a provider without details": ({"cluster": {"provider": "aws"}}, "the provider 'aws'"),
    "a provider that is a list": ({"cluster": {"provider": ["aws"]}}, ""),
    "no account": ({"cluster": without("project")}, "`cluster.aws` needs project and zone"),
    "no region": ({"cluster": without("zone")}, "`cluster.aws` needs project and zone"),
    "no name": ({"cluster": without("cluster")}, "`cluster.aws` needs cluster, its name"),
    "no file": ({"cluster": {"provider": "kubeconfig", "kubeconfig": {}}}, "the provider 'kubeconfig'"),
    "a broken registry": (
        {"cluster": CLUSTER, "images": {"registry": {"provider": "azure"}}},
        "`images.registry` has the provider 'azure'",
    ),
    "images that are a list": ({"cluster": CLUSTER, "images": [{"name": "a"}]}, "`images` is no mapping"),
    "images that are a word": ({"cluster": CLUSTER, "images": "a"}, "`images` is no mapping"),
    "a list that is none": ({"cluster": CLUSTER, "images": {"images": {"name": "a"}}}, "`images.images` is no list"),
    "names alone": ({"cluster": CLUSTER, "images": {"images": ["a"]}}, "`images.images` is no list of mappings"),
    "an image without a path": ({"cluster": CLUSTER, "images": {"images": [{"name": "a"}]}}, "an image in `images`"),
    "an image without a name": ({"cluster": CLUSTER, "images": {"images": [{"path": "a"}]}}, "an image in `images`"),
    "no name at all": ({"cluster": CLUSTER, "images": {"image_name": None}}, "an image in `images`"),
    "an empty name": ({"cluster": CLUSTER, "images": {"image_name": " "}}, "an image in `images`"),
    "a number as place": (
        {"cluster": CLUSTER, "images": {"image_name": "a", "image_config_path": 1}},
        "an image in `images`",
    ),
}


@pytest.mark.parametrize(("document", "words"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_one_sentence_that_names_the_file(tmp_path: Path, document: Any, words: str) -> None:
    folder = write(tmp_path, "hub", document)
    with pytest.raises(Refused) as refused:
        choose(folder, "")
    message = str(refused.value.message)
    assert words in message
    assert "deployments/hub/hubploy.yaml" in message
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize("text", ["a: [\n", "\ta: 1\n", "a: b: c\n", "\x00"])
def test_what_is_no_yaml_is_refused_without_a_word_of_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused, match=r"^deployments/hub/hubploy\.yaml is no YAML(, line \d+)?: mend it\.$"):
        choose(write(tmp_path, "hub", text), "hub")


def test_the_only_deployment_need_not_be_named(tmp_path: Path) -> None:
    folder = write(tmp_path, "one", {"cluster": CLUSTER})
    assert choose(folder, "") == choose(folder, "one")
    assert choose(folder, "").name == "one"


def test_one_of_several_has_to_be_named(tmp_path: Path) -> None:
    write(tmp_path, "two", {"cluster": CLUSTER})
    folder = write(tmp_path, "one", {"cluster": CLUSTER})
    assert choose(folder, "two").name == "two"
    with pytest.raises(Refused, match="several deployments: name one with --deployment, of one, two"):
        choose(folder, "")


def test_an_unknown_one_is_refused_with_the_names_of_those_there_are(tmp_path: Path) -> None:
    folder = write(tmp_path, "one", {"cluster": CLUSTER})
    for wanted in ("other", "../one", "one/"):
        with pytest.raises(Refused, match=r"There is no deployment .*: deployments/ has one\."):
            choose(folder, wanted)


def test_where_there_is_none_it_is_said_what_to_add(tmp_path: Path) -> None:
    (tmp_path / "deployments" / "unfinished").mkdir(parents=True)
    for root in (tmp_path, tmp_path / "deployments"):
        with pytest.raises(Refused, match="There is no deployments/NAME/hubploy"):
            choose(DiskFolder(root), "")


def test_a_file_beside_the_deployments_is_no_deployment(tmp_path: Path) -> None:
    folder = write(tmp_path, "one", {"cluster": CLUSTER})
    (tmp_path / "deployments" / "README.md").write_text("x")
    assert names(folder) == ["one"]


def test_the_repositorys_own_deployments_are_understood() -> None:
    folder = DiskFolder(ROOT)
    assert names(folder)
    for name in names(folder):
        assert choose(folder, name).cluster.provider == "aws"


FOUND = parse("hub", {"cluster": CLUSTER})


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_hubploy_takes_its_three_environments(tmp_path: Path, environment: str) -> None:
    refuse_unknown_environment(DiskFolder(tmp_path), FOUND, environment, "hubploy")


@pytest.mark.parametrize("environment", ["test", "", "Prod", "production"])
def test_hubploy_takes_no_other_environment(tmp_path: Path, environment: str) -> None:
    with pytest.raises(Refused, match=r"only develop, staging, prod: name one of them, or set deploy.with to helm"):
        refuse_unknown_environment(DiskFolder(tmp_path), FOUND, environment, "hubploy")


@pytest.mark.parametrize("file", ["config/test.yaml", "secrets/test.yaml"])
def test_helm_takes_any_environment_that_has_a_file(tmp_path: Path, file: str) -> None:
    target = tmp_path / "deployments" / "hub" / file
    with pytest.raises(Refused, match=r"There is no environment 'test': neither .*/config/test.yaml nor .*/secrets/"):
        refuse_unknown_environment(DiskFolder(tmp_path), FOUND, "test", "helm")
    target.parent.mkdir(parents=True)
    target.touch()
    refuse_unknown_environment(DiskFolder(tmp_path), FOUND, "test", "helm")


def test_nothing_else_deploys(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"deploy.with is 'argo' in invoke.yaml: it has to be hubploy or helm"):
        refuse_unknown_environment(DiskFolder(tmp_path), FOUND, "prod", "argo")
