"""How far apart the parts of a cluster may be.

Source: https://kubernetes.io/releases/version-skew-policy/ and, for EKS,
https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html
"""

from __future__ import annotations

from tasks.plan.version import Minor

WIDER_SKEW = Minor(25)  # from this kubelet on, three minors behind the API server are allowed, two before


def newest_api_server(kubelet: Minor) -> Minor:
    """The newest API server that still supports this kubelet (or this kube-proxy: their rule is the same)."""
    return kubelet + (3 if kubelet >= WIDER_SKEW else 2)


def violation(kubelet: Minor, api_server: Minor) -> str | None:
    """What the policy forbids about this pair, None if it is allowed."""
    if kubelet > api_server:
        return f"kubelet {kubelet} is newer than API server {api_server}"
    if api_server > newest_api_server(kubelet):
        return f"kubelet {kubelet} is more than {newest_api_server(kubelet) - kubelet} minors older than API server {api_server}"
    return None
