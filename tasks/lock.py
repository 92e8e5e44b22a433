"""The lock: a Lease in the cluster, so that no two people upgrade it at once.

The holder renews it in every pause of its work. It is taken over at once from a dead process of the same user on the
same host, from anybody else when it has run out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.errors import Refused
from tasks.observe import READ_LIMIT, explain_kubectl
from tasks.seams import Ran, Seams
from tasks.tools.kubectl import Kubectl

NAMESPACE, NAME = "kube-system", "cluster-maintenance"
SECONDS = 60
RENEW_AFTER = 40
RENEWAL_LIMIT = 15.0  # seconds: a renewal has to be over long before the lock runs out
FILE = ".runs/lease.json"


class Lost(Refused):
    """Somebody else has the lock now."""


@dataclass
class Lock:
    """Held from `take` to `release`; `renew` may be called at any time and does something when it is due."""

    seams: Seams
    kubectl: Kubectl
    renewed: float = 0.0

    @property
    def me(self) -> str:
        user_and_host, number, start = self.seams.processes.myself()
        return f"{user_and_host}/{number}/{start}"

    def take(self) -> None:
        """Raises Refused naming the holder if somebody has it."""
        ran = self._read(self.kubectl.get_lease(NAMESPACE, NAME))
        if not ran.stdout.strip():
            self._create()
            self._refuse_if_not_mine()
            return
        lease = json.loads(ran.stdout)
        holder, left = lease["spec"].get("holderIdentity") or "", _expires(lease) - self.seams.clock.now()
        if holder and left > 0 and not self._dead(holder):
            who, process = (*holder.split("/"), "unknown")[:2]
            raise Refused(
                f"{who} is at work on this cluster (process {process}): "
                f"wait until that is over; if it has died, its lock runs out in {round(left)} s."
            )
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": lease["metadata"]["resourceVersion"]}
        self._patch([test, {"op": "replace", "path": "/spec/holderIdentity", "value": self.me}])
        self._refuse_if_not_mine()

    def _refuse_if_not_mine(self) -> None:
        """What has been taken is looked at before anything relies on it."""
        ran = self._read(self.kubectl.get_lease(NAMESPACE, NAME))
        if not ran.stdout.strip() or json.loads(ran.stdout)["spec"].get("holderIdentity") != self.me:
            raise Refused("The lock on the cluster was not kept, although kubectl said so: start again.")

    def renew(self) -> None:
        """A failure is tried again in the next pause: the lock is lost only when it has run out, or is somebody else's."""
        began = self.seams.clock.now()
        if began - self.renewed < RENEW_AFTER:
            return
        ran = self._run(self._renewal())
        if ran.exit == 0:
            self.renewed = began  # the API server's clock may have run since; ours is never ahead of it
        else:
            self._refuse_if_taken()
        if self.seams.clock.now() - self.renewed > SECONDS:
            raise Lost(
                f"The lock on the cluster could not be renewed for {SECONDS} s ({ran.last_words}): look at the cluster, then start again."
            )

    def _refuse_if_taken(self) -> None:
        ran = self.seams.run(self.kubectl.get_lease(NAMESPACE, NAME), limit=RENEWAL_LIMIT)
        lease = json.loads(ran.stdout) if ran.exit == 0 and ran.stdout.strip() else {}
        holder = lease.get("spec", {}).get("holderIdentity")
        if holder and holder != self.me:
            raise Lost(
                f"{holder.split('/')[0]} has taken the lock on the cluster over: see what goes on there, then start again."
            )

    def release(self) -> None:
        """Only if it is ours still. Whatever becomes of it: an abandoned lock runs out by itself."""
        nobody = {"op": "replace", "path": "/spec/holderIdentity", "value": ""}
        self._run(self.kubectl.patch_lease(NAMESPACE, NAME, [self._is_mine(), nobody]))

    def _create(self) -> None:
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {"holderIdentity": self.me, "leaseDurationSeconds": SECONDS, "renewTime": self._now()},
        }
        self.seams.folder.write(FILE, json.dumps(lease).encode())
        ran = self._run(self.kubectl.create_lease(self.seams.folder.path(FILE)))
        if ran.exit != 0:
            raise Refused(self._not_taken(ran))
        self.renewed = self.seams.clock.now()

    def _renewal(self) -> list[str]:
        return self.kubectl.patch_lease(NAMESPACE, NAME, [self._is_mine(), self._time()])

    def _is_mine(self) -> dict[str, Any]:
        return {"op": "test", "path": "/spec/holderIdentity", "value": self.me}

    def _patch(self, operations: list[dict[str, Any]]) -> None:
        ran = self._run(self.kubectl.patch_lease(NAMESPACE, NAME, [*operations, self._time()]))
        if ran.exit != 0:
            raise Refused(self._not_taken(ran))
        self.renewed = self.seams.clock.now()

    def _time(self) -> dict[str, Any]:
        return {"op": "replace", "path": "/spec/renewTime", "value": self._now()}

    def _now(self) -> str:
        return datetime.fromtimestamp(self.seams.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _dead(self, holder: str) -> bool:
        """Only somebody on this host, under this name, can be asked after."""
        user_and_host, number, start = (*holder.split("/", 2), "", "")[:3]
        return (
            user_and_host == self.seams.processes.myself()[0]
            and number.isdecimal()
            and not self.seams.processes.alive(int(number), start)
        )

    def _read(self, argv: list[str]) -> Ran:
        ran = self.seams.run(argv, limit=READ_LIMIT)
        if ran.exit != 0:
            raise Refused(explain_kubectl(ran))
        return ran

    def _run(self, argv: list[str]) -> Ran:
        return self.seams.run(argv, changes=True, limit=RENEWAL_LIMIT)

    @staticmethod
    def _not_taken(ran: Ran) -> str:
        if "orbidden" in ran.last_words:
            return explain_kubectl(ran)
        return (
            f"The lock on the cluster could not be taken ({ran.last_words}): start again, and you are told who has it."
        )


def _expires(lease: dict[str, Any]) -> float:
    spec = lease["spec"]
    if "renewTime" not in spec:
        return 0.0
    renewed = datetime.fromisoformat(spec["renewTime"].replace("Z", "+00:00")).timestamp()
    return renewed + float(spec.get("leaseDurationSeconds", SECONDS))
