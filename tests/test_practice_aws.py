"""The practice EKS speaks AWS's language: every answer has the shape that botocore's models give it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

from tasks import clusterconfig
from tasks.connect import identity
from tasks.practice.behind import practice_seams
from tasks.practice.door import Accident, Door
from tasks.practice.eks import PracticeEks
from tasks.seams import AwsError
from tests.rehearsal import FILE, ROOT, Rehearsal

PYTHON: dict[str, Any] = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "timestamp": datetime,
    "structure": dict,
    "map": dict,
    "list": list,
}
USED = re.compile(r'aws\(\s*"(\w+)",\s*"(\w+)"')


@dataclass(frozen=True)
class Call:
    service: str
    operation: str
    parameters: Mapping[str, Any]
    answer: Any


@cache
def service(name: str) -> ServiceModel:
    """From botocore's own files: nothing is asked of AWS."""
    return botocore.session.get_session().get_service_model(name)


def operation(service_name: str, name: str) -> OperationModel:
    model = service(service_name)
    return model.operation_model(next(known for known in model.operation_names if xform_name(known) == name))


def wrongs(value: Any, shape: Shape, at: str) -> Iterator[str]:
    """Where a value is not of its shape, and how."""
    kind = PYTHON[shape.type_name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{at} is {value!r}, but should be {kind.__name__}"
        return
    match shape.type_name:
        case "structure":
            yield from (f"{at} has the unknown member {name}" for name in value.keys() - shape.members.keys())
            yield from (f"{at} lacks {name}" for name in set(shape.required_members) - value.keys())
            for name in value.keys() & shape.members.keys():
                yield from wrongs(value[name], shape.members[name], f"{at}.{name}")
        case "list":
            for number, item in enumerate(value):
                yield from wrongs(item, shape.member, f"{at}[{number}]")
        case "map":
            for name, item in value.items():
                yield from wrongs(name, shape.key, f"{at}, key {name!r},")
                yield from wrongs(item, shape.value, f"{at}.{name}")
        case "string" if shape.enum and value not in shape.enum:
            yield f"{at} is {value!r}, which is none of {shape.enum}"


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """All that was asked of the practice EKS, and answered, in upgrades that between them need everything."""
    found: list[Call] = []
    call = PracticeEks.call

    def recorded(self: PracticeEks, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        answer = call(self, service, operation, parameters)
        found.append(Call(service, operation, parameters, answer))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PracticeEks, "call", recorded)
        folder = tmp_path_factory.mktemp("practice")
        _upgrade_with_people(Rehearsal.begin(folder / "people", users=3))
        _upgrade_of_what_eks_manages(folder / "managed")
    return found


def _upgrade_with_people(rehearsal: Rehearsal) -> None:
    """Killed while the control plane is being raised, so that an update in flight is looked at."""
    seams = practice_seams(Door(rehearsal.world), rehearsal.folder)
    identity(seams, clusterconfig.parse(seams.folder.read(FILE), FILE), "")
    event = next(event for event in range(10, 40) if _updating(rehearsal.copy(rehearsal.folder / str(event)), event))
    assert rehearsal.run("1.20", Accident("die-during", event)) == "killed"
    assert rehearsal.run_to_the_end("1.20", users="wait", wait_seconds=8 * 3600.0) == "done"


def _updating(rehearsal: Rehearsal, event: int) -> bool:
    rehearsal.run("1.20", Accident("die-during", event))
    return bool(rehearsal.world.eks.cluster["status"] == "UPDATING")


def _upgrade_of_what_eks_manages(folder: Any) -> None:
    config = clusterconfig.with_managed_groups((ROOT / "infra/eksctl-cluster-config.yaml").read_bytes(), ["core-a"], "")
    rehearsal = Rehearsal.begin(folder, config.decode(), managed_addons=("vpc-cni", "kube-proxy", "coredns"))
    assert rehearsal.run_to_the_end("1.20") == "done"


def test_every_answer_has_botocores_shape(calls: list[Call]) -> None:
    for call in calls:
        model = operation(call.service, call.operation)
        if model.output_shape is None:
            assert call.answer == {}
        else:
            assert list(wrongs(call.answer, model.output_shape, f"{call.service} {call.operation}")) == []


def test_every_question_is_one_that_botocore_would_send(calls: list[Call]) -> None:
    for call in calls:
        shape = operation(call.service, call.operation).input_shape
        if shape is None:
            assert call.parameters == {}
        else:
            report = ParamValidator().validate(dict(call.parameters), shape)
            assert not report.has_errors(), report.generate_report()


def test_every_operation_that_a_task_names_was_asked_for(calls: list[Call]) -> None:
    """Of the cluster's tasks: a deploy (tasks/hub) meets moto, which knows botocore's shapes itself."""
    hub = ROOT / "tasks" / "hub"
    sources = [path.read_text() for path in (ROOT / "tasks").rglob("*.py") if not path.is_relative_to(hub)]
    named = {pair for source in sources for pair in USED.findall(source)}
    assert named == {(call.service, call.operation) for call in calls}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"cluster": {"nmae": "l2l"}}, "describe.cluster has the unknown member nmae"),
        ({"cluster": {"version": 1.18}}, "describe.cluster.version is 1.18, but should be str"),
        ({"cluster": {"status": "GREAT"}}, "describe.cluster.status is 'GREAT', which is none of"),
        ({"cluster": {"createdAt": "today"}}, "describe.cluster.createdAt is 'today', but should be datetime"),
        ({"cluster": []}, "describe.cluster is [], but should be dict"),
    ],
)
def test_an_answer_of_another_shape_is_noticed(value: object, wrong: str) -> None:
    shape = operation("eks", "describe_cluster").output_shape
    (found,) = wrongs(value, shape, "describe")
    assert found.startswith(wrong)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("describe_cluster", {"name": "nope"}),
        ("list_nodegroups", {"clusterName": "nope"}),
        ("list_addons", {"clusterName": "nope"}),
        ("list_updates", {"name": "nope"}),
        ("describe_nodegroup", {"clusterName": "l2l", "nodegroupName": "nope"}),
        ("describe_addon", {"clusterName": "l2l", "addonName": "nope"}),
        ("describe_update", {"name": "l2l", "updateId": "nope"}),
    ],
)
def test_what_is_not_there_is_not_found_in_botocores_words(
    rehearsal: Rehearsal, name: str, parameters: dict[str, str]
) -> None:
    with pytest.raises(AwsError) as refusal:
        rehearsal.world.eks.call("eks", name, parameters)
    assert refusal.value.code == "ResourceNotFoundException"
    assert refusal.value.code in {shape.name for shape in operation("eks", name).error_shapes}


def test_an_operation_that_the_practice_cluster_does_not_know_is_an_error_and_no_empty_answer(
    rehearsal: Rehearsal,
) -> None:
    with pytest.raises(AwsError, match="no eks delete_cluster"):
        rehearsal.world.eks.call("eks", "delete_cluster", {"name": "l2l"})
