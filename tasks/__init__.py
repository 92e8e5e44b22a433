"""Every documented procedure as an Invoke task: the table of contents.

Task modules import nothing but Invoke and the plan at their top: `invoke --list` stays quick.
"""

from invoke.collection import Collection

from tasks import bump, checks, cluster, deploy, rehearse
from tasks.folder import ROOT

ns = Collection(
    cluster.upgrade_k8s,
    cluster.status,
    cluster.write_kubeconfig,
    deploy.deploy,
    deploy.diff,
    deploy.build_image,
    deploy.rollback,
    bump.bump_daskhub,
    Collection("secrets", deploy.secrets_init),
    rehearse.rehearse,
    checks.test,
    checks.parts,
)
ns.configure(
    {
        "root": str(ROOT),  # of this deployment's files: a rehearsal has a copy
        "seams": "tasks.real.seams",  # what is behind the tasks: a rehearsal names another function
        "rehearsal": {"line": False, "folder": "", "json": False, "finished": False, "repositories": {}},
        "parts": {"folder": "~/.cache/hub-parts"},  # INVOKE_PARTS_FOLDER names another
    }
)
