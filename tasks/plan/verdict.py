"""What an observation says about an action that was just tried, in a sentence for the operator."""

from __future__ import annotations

from tasks.plan import steps
from tasks.plan.steps import Action
from tasks.plan.survival import why_it_stops
from tasks.plan.values import Cluster, Group


def what_is_busy(cluster: Cluster) -> str:
    """What is in progress in AWS, in words; "" if nothing is."""
    if cluster.control_plane.status in ("UPDATING", "CREATING"):
        to = cluster.control_plane.updating_to
        return f"an update of the control plane{f' to {to}' if to else ''}"
    return ", ".join(f"{group.name} ({group.status})" for group in cluster.groups if group.busy)


def nothing_happened(action: Action, said: str, cluster: Cluster) -> str:
    """The world is as it was before the action. said: what its command said, in brackets, or ""."""
    match action:
        case steps.RaiseControlPlane():
            return f"The control plane is still at {cluster.control_plane.version}{said}: mend that, then start again."
        case steps.RaiseManagedGroup(name, to):
            return f"{name} is still older than {to}{said}: mend that, then start again."
        case steps.CreateGroups(names):
            return f"{', '.join(names)} was not created{said}: mend that, then start again."
        case steps.DeleteGroup(name):
            return f"{name} is still there{said}: mend that, then start again."
        case steps.DrainGroup(name):
            return f"{name} could not be drained{said}: {_blockers(cluster, cluster.group(name))}."
        case steps.AwaitGroup(name, version, nodes):
            group = cluster.group(name)
            ready = group.ready_at(version) if group else 0
            return (
                f"{name} has only {ready} of {nodes} nodes Ready at {version}: look at its instances "
                "(quota, image, role in aws-auth), then start again."
            )
        case steps.AwaitAddons(names):
            troubles = "; ".join(f"{addon.name}: {addon.trouble}" for addon in cluster.addons if addon.name in names)
            return f"Add-ons have not rolled out ({troubles}): look at them with `kubectl --namespace=kube-system get pods`, then start again."
    return f"Nothing has changed{said}: look at the cluster, then start again."


def people_stay(name: str, cluster: Cluster) -> str:
    """The time that was granted to the people on a group is over."""
    group = cluster.group(name)
    left = [pod.name for pod in cluster.users_on(group)] if group else []
    work = "works" if len(left) == 1 else "work"
    return f"The time is over and {', '.join(left)} still {work} on {name}: start again later, or with --evict-users."


def people_at_work(action: steps.StopForUsers) -> str:
    """Why the run stops before it touches their nodes, and the choices."""
    names = ", ".join(f"{pod} on {group}" for pod, group in action.users)
    are = f"{len(action.users)} people are" if len(action.users) > 1 else "Somebody is"
    return (
        f"{are} at work where nodes have to go ({names}): start again when they have gone, "
        "with --wait-for-users 8h to wait for them here, or with --evict-users to end their servers."
    )


def charts_in_the_way(action: steps.StopForCharts) -> str:
    """Why the run stops before a hop, and the way on."""
    return f"{why_it_stops(action.ceilings, action.to)}."


def _blockers(cluster: Cluster, group: Group | None) -> str:
    """Which pods stay, and which budgets say so."""
    reasons = []
    for pod in cluster.pods_on(group) if group else []:
        budgets = [
            budget.name
            for budget in cluster.budgets
            if budget.namespace == pod.namespace and not budget.allowed and budget.selector <= pod.labels
        ]
        because = f"its budget {', '.join(budgets)} allows no disruption" if budgets else ""
        because = because or ("nothing would start it anew" if pod.bare else "")
        reasons.append(f"{pod.namespace}/{pod.name}" + (f" ({because})" if because else ""))
    stay = ", ".join(reasons) or "its nodes, which are not cordoned"
    return f"what is left is {stay}; raise the budget, or end the pod, then start again"
