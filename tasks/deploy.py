"""The hub: its deployment, and what a deployment would change."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

HELP = {
    "deployment": "which one of deployments/, if there are several",
    "environment": "which one of its environments",
}


@task(positional=[], auto_shortflags=False, help=HELP)
def deploy(c: Context, deployment: str = "", environment: str = "prod") -> None:
    """Bring the hub on the cluster to what this repository says: chart, values, secrets and user image.

    It is `hubploy deploy --namespace … --cleanup-on-fail … ./chart …`, made safe: nothing changes before everything
    that can be known was looked at, what a dead run has left is mended first, and at the end the hub has to answer.
    It never asks: the commit is the approval. `invoke --dry deploy` shows what it would do.
    """
    from tasks.hub.deploy import deploy as run
    from tasks.screen import Screen

    run(c, deployment, environment, Screen())


@task(positional=[], auto_shortflags=False, help=HELP)
def diff(c: Context, deployment: str = "", environment: str = "prod") -> None:
    """Show what `invoke deploy` would change on the cluster, object by object, without the secrets.

    In a workflow the same goes to the job's summary, as Markdown.
    """
    from tasks.hub.deploy import diff as run
    from tasks.screen import Screen

    run(c, deployment, environment, Screen())


@task(name="init", positional=[], auto_shortflags=False, help=HELP)
def secrets_init(c: Context, deployment: str = "", environment: str = "prod") -> None:
    """Make a first encrypted secrets file: tokens are generated, the rest is asked for.

    What there is to fill in is said by secrets/ENVIRONMENT.example.yaml. It never stands on disk unencrypted.
    """
    from tasks.hub.secrets import init
    from tasks.screen import Screen

    init(c, deployment, environment, Screen())
