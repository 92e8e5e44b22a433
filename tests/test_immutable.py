"""Which fields nobody can change. A real API server is asked about the same in tests/real_parts/test_immutable.py."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.immutable import immutable, immutables
from tasks.plan.manifest import Object, merged
from tasks.plan.version import Minor

POD = "{metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: 'x:1'}]}}"
WORKLOAD = f"selector: {{matchLabels: {{app: x}}}}, template: {POD}"
CLAIM = "metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"
BASES = {
    "StatefulSet": f"{{apiVersion: apps/v1, spec: {{serviceName: x, {WORKLOAD}, volumeClaimTemplates: [{{{CLAIM}}}]}}}}",
    "Deployment": f"{{apiVersion: apps/v1, spec: {{{WORKLOAD}}}}}",
    "DaemonSet": f"{{apiVersion: apps/v1, spec: {{{WORKLOAD}}}}}",
    "Job": f"{{apiVersion: batch/v1, spec: {{template: {POD}}}}}",
    "Service": "{apiVersion: v1, spec: {selector: {app: x}, ports: [{port: 80}]}}",
    "PersistentVolumeClaim": f"{{apiVersion: v1, {CLAIM.partition(', ')[2]}}}",
    "PersistentVolume": "{apiVersion: v1, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], nfs: {server: a, path: /}}}",
    "StorageClass": "{apiVersion: storage.k8s.io/v1, provisioner: ebs.csi.aws.com}",
    "PriorityClass": "{apiVersion: scheduling.k8s.io/v1, value: 10}",
    "Secret": "{apiVersion: v1, data: {a: eA==}}",
    "ConfigMap": "{apiVersion: v1, data: {a: x}}",
    "RoleBinding": "{apiVersion: rbac.authorization.k8s.io/v1, roleRef: {kind: Role, name: a, apiGroup: rbac.authorization.k8s.io}}",
    "ClusterRoleBinding": "{apiVersion: rbac.authorization.k8s.io/v1, roleRef: {kind: ClusterRole, name: a, apiGroup: rbac.authorization.k8s.io}}",
    "IngressClass": "{apiVersion: networking.k8s.io/v1, spec: {controller: a.example.org/b}}",
    "CSIDriver": "{apiVersion: storage.k8s.io/v1, spec: {podInfoOnMount: true}}",
    "RuntimeClass": "{apiVersion: node.k8s.io/v1, handler: a}",
}
ONCE = "{spec: {template: {spec: {restartPolicy: Never}}}}"


class Case(NamedTuple):
    """before, after: laid over the kind's base above. told: the fields."""

    kind: str
    before: str
    after: str
    told: str

    def sides(self, name: str) -> tuple[Object, Object]:
        base = merged([yaml.safe_load(BASES[self.kind]), yaml.safe_load(ONCE) if self.kind == "Job" else {}])
        head = {"kind": self.kind, "metadata": {"name": name}}
        one, other = (merged([base, head, yaml.safe_load(text)]) for text in (self.before, self.after))
        return copy.deepcopy(one), copy.deepcopy(other)


def spec(text: str) -> str:
    return f"{{spec: {{{text}}}}}"


def claims(text: str) -> str:
    return spec(f"volumeClaimTemplates: [{{{text}}}]")


CASES = [
    Case("StatefulSet", "{}", "{}", ""),
    Case(
        "StatefulSet",
        "{}",
        spec("replicas: 3, minReadySeconds: 5, updateStrategy: {type: OnDelete, rollingUpdate: null}"),
        "",
    ),
    Case("StatefulSet", "{}", spec("revisionHistoryLimit: 3, ordinals: {start: 1}"), ""),
    Case("StatefulSet", "{}", spec("persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}"), ""),
    Case("StatefulSet", "{}", spec("template: {spec: {containers: [{name: c, image: 'x:2'}]}}"), ""),
    Case("StatefulSet", "{}", spec("podManagementPolicy: OrderedReady"), ""),
    Case("StatefulSet", spec("podManagementPolicy: OrderedReady"), "{}", ""),
    Case("StatefulSet", "{}", claims(CLAIM.replace("1Gi", "1024Mi")), ""),
    Case("StatefulSet", "{}", claims(CLAIM + ", apiVersion: v1, kind: PersistentVolumeClaim"), ""),
    Case("StatefulSet", "{}", claims(CLAIM.replace("spec: {", "spec: {volumeMode: Filesystem, ")), ""),
    Case("StatefulSet", "{}", claims(CLAIM.replace("1Gi", "2Gi")), "spec.volumeClaimTemplates"),
    Case("StatefulSet", "{}", claims(CLAIM.replace("data}", "data, labels: {chart: b}}")), "spec.volumeClaimTemplates"),
    Case("StatefulSet", "{}", spec("podManagementPolicy: Parallel"), "spec.podManagementPolicy"),
    Case("StatefulSet", spec("podManagementPolicy: Parallel"), "{}", "spec.podManagementPolicy"),
    Case("StatefulSet", "{}", spec("serviceName: y"), "spec.serviceName"),
    Case("Deployment", "{}", spec("replicas: 2, strategy: {type: Recreate}"), ""),
    Case("Deployment", "{}", spec("selector: {matchLabels: {app: x}, matchExpressions: []}"), ""),
    Case(
        "Deployment",
        "{}",
        spec("selector: {matchLabels: {more: z}}, template: {metadata: {labels: {more: z}}}"),
        "spec.selector",
    ),
    Case(
        "DaemonSet",
        "{}",
        spec("selector: {matchLabels: {app: y}}, template: {metadata: {labels: {app: y}}}"),
        "spec.selector",
    ),
    Case("Job", "{}", spec("parallelism: 1, backoffLimit: 2"), ""),
    Case("Job", "{}", spec("completions: 1, backoffLimit: 2, ttlSecondsAfterFinished: 9"), ""),
    Case("Job", "{}", spec("template: {spec: {terminationGracePeriodSeconds: 30, dnsPolicy: ClusterFirst}}"), ""),
    Case("Job", "{}", spec("template: {spec: {containers: [{name: c, image: 'x:2'}]}}"), "spec.template"),
    Case("Job", "{}", spec("completions: 2"), "spec.completions"),
    Case("Job", "{}", spec("completions: 1, completionMode: Indexed"), "spec.completionMode"),
    Case(
        "Job",
        spec("completions: 2, parallelism: 2, completionMode: Indexed"),
        spec("completions: 3, parallelism: 3, completionMode: Indexed"),
        "",
    ),
    Case("Service", "{}", spec("type: LoadBalancer"), ""),
    Case("Service", spec("type: LoadBalancer"), spec("type: ClusterIP, sessionAffinity: ClientIP"), ""),
    Case("Service", spec("clusterIP: None"), spec("clusterIP: None, ports: [{port: 81}]"), ""),
    Case("Service", spec("clusterIP: None"), "{}", ""),
    Case("Service", spec("clusterIP: None"), spec("type: LoadBalancer"), "spec.clusterIP"),
    Case("Service", "{}", spec("clusterIP: None"), "spec.clusterIP"),
    Case("Service", spec("clusterIP: ADDRESS1"), "{}", ""),
    Case("Service", spec("clusterIP: ADDRESS2"), spec("clusterIP: ADDRESS3"), "spec.clusterIP"),
    Case("Service", "{}", spec("clusterIP: ADDRESS4"), "spec.clusterIP"),
    Case("Service", "{}", spec("type: ExternalName, externalName: a.example.org, clusterIP: null"), ""),
    Case(
        "Service",
        spec("type: LoadBalancer"),
        spec("type: LoadBalancer, loadBalancerClass: a/b"),
        "spec.loadBalancerClass",
    ),
    Case("Service", spec("type: ClusterIP"), spec("type: LoadBalancer, loadBalancerClass: a/b"), ""),
    Case("PersistentVolumeClaim", "{}", spec("volumeMode: Filesystem, resources: {requests: {storage: 1024Mi}}"), ""),
    Case("PersistentVolumeClaim", "{}", spec("storageClassName: another"), "spec.storageClassName"),
    Case("PersistentVolumeClaim", spec("storageClassName: gp2"), "{}", "spec.storageClassName"),
    Case("PersistentVolumeClaim", "{}", spec("accessModes: [ReadWriteMany]"), "spec.accessModes"),
    Case(
        "PersistentVolumeClaim", "{}", spec("resources: {requests: {storage: 500M}}"), "spec.resources.requests.storage"
    ),
    Case("PersistentVolumeClaim", "{}", spec("selector: {matchLabels: {a: b}}"), "spec.selector"),
    Case("PersistentVolumeClaim", "{}", spec("resources: {limits: {storage: 9Gi}}"), "spec.resources.limits"),
    Case("PersistentVolumeClaim", spec("volumeName: x"), spec("volumeName: y"), "spec.volumeName"),
    Case("PersistentVolume", "{}", spec("mountOptions: [hard], capacity: {storage: 2Gi}, volumeMode: Filesystem"), ""),
    Case("PersistentVolume", "{}", spec("nfs: {server: b}"), "spec.nfs"),
    Case("PersistentVolume", "{}", spec("nfs: null, hostPath: {path: /x}"), "spec.nfs spec.hostPath"),
    Case("PersistentVolume", "{}", spec("volumeMode: Block"), "spec.volumeMode"),
    Case("StorageClass", "{}", "{reclaimPolicy: Delete, volumeBindingMode: Immediate, allowVolumeExpansion: true}", ""),
    Case("StorageClass", "{}", "{provisioner: other.example.org}", "provisioner"),
    Case("StorageClass", "{}", "{parameters: {type: gp3}}", "parameters"),
    Case(
        "StorageClass",
        "{reclaimPolicy: Retain}",
        "{volumeBindingMode: WaitForFirstConsumer}",
        "reclaimPolicy volumeBindingMode",
    ),
    Case("PriorityClass", "{}", "{description: x, globalDefault: false, preemptionPolicy: PreemptLowerPriority}", ""),
    Case("PriorityClass", "{}", "{value: 11}", "value"),
    Case("PriorityClass", "{}", "{preemptionPolicy: Never}", "preemptionPolicy"),
    Case("Secret", "{}", "{type: Opaque, data: {b: eQ==}}", ""),
    Case("Secret", "{}", "{type: example.org/other}", "type"),
    Case("Secret", "{immutable: true}", "{immutable: true, data: null, stringData: {a: x}}", ""),
    Case("Secret", "{immutable: true}", "{immutable: true, stringData: {a: y}}", "data"),
    Case("Secret", "{}", "{immutable: true, data: {a: eQ==}}", ""),
    Case("ConfigMap", "{}", "{data: {a: y}}", ""),
    Case("ConfigMap", "{immutable: true}", "{immutable: true, metadata: {labels: {a: b}}}", ""),
    Case("ConfigMap", "{immutable: true}", "{}", "immutable"),
    Case("ConfigMap", "{immutable: true}", "{immutable: true, binaryData: {b: eA==}}", "data"),
    Case("RoleBinding", "{}", "{roleRef: {apiGroup: null}, subjects: [{kind: User, name: anna}]}", ""),
    Case("RoleBinding", "{}", "{roleRef: {name: b}}", "roleRef"),
    Case("RoleBinding", "{}", "{roleRef: {kind: ClusterRole}}", "roleRef"),
    Case("ClusterRoleBinding", "{}", "{roleRef: {name: b}}", "roleRef"),
    Case("IngressClass", "{}", "{metadata: {annotations: {a: b}}}", ""),
    Case("IngressClass", "{}", "{spec: {controller: a.example.org/c}}", "spec.controller"),
    Case(
        "CSIDriver",
        "{}",
        "{spec: {attachRequired: true, volumeLifecycleModes: [Persistent], podInfoOnMount: false}}",
        "",
    ),
    Case("CSIDriver", "{}", "{spec: {attachRequired: false}}", "spec.attachRequired"),
    Case("CSIDriver", "{}", "{spec: {volumeLifecycleModes: [Ephemeral]}}", "spec.volumeLifecycleModes"),
    Case("RuntimeClass", "{}", "{handler: b}", "handler"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_fields_are_told(case: Case) -> None:
    old, new = case.sides("x")
    assert immutable(old, new) == case.told.split()


def test_a_claim_grows() -> None:
    old, new = Case("PersistentVolumeClaim", "{}", spec("resources: {requests: {storage: 2Gi}}"), "").sides("x")
    assert immutable(old, new) == []
    assert immutable(new, old) == ["spec.resources.requests.storage"]


def test_an_older_cluster_takes_less() -> None:
    old, new = Case("StatefulSet", "{}", spec("revisionHistoryLimit: 3, ordinals: {start: 1}"), "").sides("x")
    assert immutable(old, new, Minor(33)) == []
    assert immutable(old, new, Minor(32)) == ["spec.revisionHistoryLimit"]
    assert immutable(old, new, Minor(25)) == ["spec.revisionHistoryLimit", "spec.ordinals"]


def test_a_selector_that_was_made_from_labels_may_be_said() -> None:
    new = Case("Deployment", "{}", "{}", "").sides("x")[1]
    old = new | {"apiVersion": "extensions/v1beta1", "spec": {"template": new["spec"]["template"]}}
    assert immutable(old, new) == []
    new["spec"]["selector"] = {"matchLabels": {"app": "y"}}
    assert immutable(old, new) == ["spec.selector"]


def test_only_kubernetes_own_objects_have_these_rules() -> None:
    old, new = Case("Service", "{}", spec("clusterIP: None"), "").sides("x")
    knative = {"apiVersion": "serving.knative.dev/v1"}
    assert immutable(old | knative, new | knative) == []
    assert immutable({"apiVersion": "v1", "kind": "Pod", "spec": {}}, {"apiVersion": "v1", "kind": "Pod"}) == []


def test_hooks_are_left_out_and_what_is_kept_is_not() -> None:
    old, new = Case("Secret", "{}", "{type: other}", "").sides("x")
    key, kept, gone = ("Secret", "n", "x"), ("Secret", "n", "kept"), ("Secret", "n", "gone")
    hook = {"metadata": {"annotations": {"helm.sh/hook": "pre-upgrade"}}}
    keep = {"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}
    assert immutables({kept: old | keep, gone: old}, {kept: new | keep, key: new}) == [(kept, ["type"])]
    assert immutables({key: old | hook}, {key: new}) == immutables({key: old}, {key: new | hook}) == []


objects = st.sampled_from(sorted(BASES)).map(lambda kind: Case(kind, "{}", "{}", "").sides("x")[0])
added: Mapping[str, Any] = {"volumeMode": "Filesystem", "nothing": None, "empty": {}, "none": []}


@given(objects, st.sampled_from(sorted(added)))
def test_what_means_the_same_is_no_change(item: Object, name: str) -> None:
    more = copy.deepcopy(item)
    more.setdefault("spec", {})[name] = added[name]
    assert immutable(item, more) == immutable(more, item) == []


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2), st.integers(0, 40))
def test_labels_and_annotations_are_free(labels: dict[str, str], minor: int) -> None:
    for kind in BASES:
        old, new = Case(kind, "{}", "{}", "").sides("x")
        new["metadata"] |= {"labels": labels, "annotations": labels}
        assert immutable(old, new, Minor(minor)) == []
