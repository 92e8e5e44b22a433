"""A cluster and a plan as documents for programs, and as tables for people."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from tasks.commands import Commands
from tasks.plan.differences import differences
from tasks.plan.hubstate import HubState
from tasks.plan.steps import Plan, Step, StopForCharts
from tasks.plan.values import Cluster, Config
from tasks.screen import Screen

Document = dict[str, Any]


def status_document(config: Config, cluster: Cluster, hubs: Sequence[HubState]) -> Document:
    """`status --output=json`. No times and no node names: the same cluster is the same text."""
    plane = cluster.control_plane
    return {
        "cluster": {"name": cluster.name, "region": cluster.region, "account": cluster.account},
        "control_plane": {"version": str(plane.version), "status": plane.status, "endpoint": plane.endpoint},
        "node_groups": [
            {
                "name": group.name,
                "version": str(group.version) if group.version else None,
                "nodes": len(group.nodes),
                "ready": sum(node.ready for node in group.nodes),
                "managed": group.managed,
                "status": group.status,
            }
            for group in sorted(cluster.groups, key=lambda group: group.name)
        ],
        "addons": [
            {"name": addon.name, "version": addon.version, "managed": addon.managed, "ready": addon.settled}
            for addon in sorted(cluster.addons, key=lambda addon: addon.name)
        ],
        "differences": differences(config, cluster),
        "hubs": [hub.document() for hub in hubs],
    }


def status_tables(screen: Screen, config: Config, cluster: Cluster, hubs: Sequence[HubState]) -> None:
    plane = cluster.control_plane
    screen.says(f"{cluster.name} in {cluster.region}, account {cluster.account}", "bold")
    update = f", on its way to {plane.updating_to}" if plane.updating_to else ""
    screen.says(f"control plane {plane.version} ({plane.status}{update})")
    group_table(screen, "Node groups", cluster)
    addons = [
        (addon.name, addon.version, "EKS" if addon.managed else "self", "yes" if addon.settled else addon.trouble)
        for addon in cluster.addons
    ]
    screen.table("Add-ons", ("name", "version", "managed by", "rolled out"), addons)
    for difference in differences(config, cluster) or ["The configuration describes the cluster as it is."]:
        screen.says(difference)
    for hub in hubs:
        screen.table(f"Hub {hub.release}", ("", ""), hub.rows())


def group_table(screen: Screen, title: str, cluster: Cluster) -> None:
    rows = [
        (
            group.name,
            str(group.version or "unknown"),
            f"{sum(node.ready for node in group.nodes)}/{len(group.nodes)}",
            str(len(cluster.users_on(group))),
            group.status,
        )
        for group in cluster.groups
    ]
    screen.table(title, ("name", "version", "ready", "people", "state"), rows)


def command_lines(plan: Plan, commands: Commands) -> list[tuple[str, list[str]]]:
    """(step, command line), in order."""
    return [(step.id, line) for step in plan.steps for action in step.actions for line in commands.of(action)]


def plan_document(plan: Plan, cluster: Cluster, commands: Commands) -> Document:
    """`upgrade-k8s --output=json`."""
    return {
        "cluster": cluster.name,
        "from": str(plan.start),
        "to": str(plan.target),
        "strategy": plan.strategy,
        "minutes": plan.minutes,
        "steps": [
            {
                "id": step.id,
                "does": step.does,
                "why": step.why,
                "commands": [shlex.join(line) for action in step.actions for line in commands.of(action)],
                "done_when": step.done_when,
                "minutes": step.minutes,
                "disturbs": step.disturbs,
                "hazards": [{"text": hazard.text, "source": hazard.source} for hazard in step.hazards],
                "breaks": list(step.breaks),
                "stops_for": _charts_of(step),
            }
            for step in plan.steps
        ],
        "warnings": list(plan.warnings),
    }


def _charts_of(step: Step) -> list[Document]:
    """The installed charts for which the run ends before this step."""
    ceilings = [each for action in step.actions if isinstance(action, StopForCharts) for each in action.ceilings]
    return [
        {
            "chart": each.chart,
            "version": each.version,
            "last": str(each.last),
            "because": each.because,
            "source": each.source,
        }
        for each in ceilings
    ]
