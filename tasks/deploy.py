"""The hub: its deployment, and what a deployment would change."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

HELP = {
    "deployment": "which one of deployments/, if there are several",
    "environment": "which one of its environments",
}


@task(
    positional=[],
    auto_shortflags=False,
    help={**HELP, "smoke-test": "at the end start a server and a Dask cluster as a user would, and clean both up"},
)
def deploy(c: Context, deployment: str = "", environment: str = "prod", smoke_test: bool = False) -> None:
    """Bring the hub on the cluster to what this repository says: chart, values, secrets and user image.

    It is `hubploy deploy --namespace … --cleanup-on-fail … ./chart …`, made safe: nothing changes before everything
    that can be known was looked at, what a dead run has left is mended first, and at the end the hub has to answer.
    It never asks: the commit is the approval. `invoke --dry deploy` shows what it would do.
    """
    from tasks.hub.deploy import deploy as run
    from tasks.screen import Screen

    run(c, deployment, environment, smoke_test, Screen())


@task(
    positional=[],
    auto_shortflags=False,
    help=HELP | {"against": "a branch, a tag or a commit to compare with, instead of the cluster"},
)
def diff(c: Context, deployment: str = "", environment: str = "prod", against: str = "") -> None:
    """Show what `invoke deploy` would change on the cluster, object by object, without the secrets.

    With --against it is what the chart comes to here and at that commit: no cluster is asked, no credentials are
    needed, and the example's secrets stand for the real ones. In a workflow the same goes to the job's summary, as
    Markdown.
    """
    from tasks.screen import Screen

    if against:
        from tasks.hub.against import diff as compare

        compare(c, against, deployment, environment, Screen())
        return
    from tasks.hub.deploy import diff as run

    run(c, deployment, environment, Screen())


@task(
    positional=[],
    auto_shortflags=False,
    help={
        **HELP,
        "to": "the revision to go back to, by its number; the good one before the present one without it",
        "restore-database": "also put back the copy of hub-db from before JupyterHub was upgraded",
        "yes": "do not ask before it begins",
    },
)
def rollback(
    c: Context,
    deployment: str = "",
    environment: str = "prod",
    to: str = "",
    restore_database: bool = False,
    yes: bool = False,
) -> None:
    """Bring the hub back to an earlier revision of its release, and look whether it is well.

    Shows what that changes, and asks. The next `invoke deploy` brings what git says again: revert the commit too.
    """
    from tasks.hub.rollback import rollback as run
    from tasks.screen import Screen

    run(c, deployment, environment, to, restore_database, yes, Screen())


@task(
    positional=[],
    auto_shortflags=False,
    help={"deployment": HELP["deployment"], "push": "into the registry that hubploy.yaml names"},
)
def build_image(c: Context, deployment: str = "", push: bool = False) -> None:
    """Build a deployment's image with hubploy, if the registry does not have it.

    The registry is asked each time, whatever the last commits were about. Content that it has already, as after a
    revert, gets its new tag there: nothing is built. Without --push it is only tried out.
    """
    from tasks.hub.image import build as run
    from tasks.screen import Screen

    run(c, deployment, push, Screen())


@task(name="init", positional=[], auto_shortflags=False, help=HELP)
def secrets_init(c: Context, deployment: str = "", environment: str = "prod") -> None:
    """Make a first encrypted secrets file: tokens are generated, the rest is asked for.

    What there is to fill in is said by secrets/ENVIRONMENT.example.yaml. It never stands on disk unencrypted.
    """
    from tasks.hub.secrets import init
    from tasks.screen import Screen

    init(c, deployment, environment, Screen())
