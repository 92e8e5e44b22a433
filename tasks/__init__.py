"""Every documented procedure as an Invoke task: the table of contents.

Task modules import nothing but Invoke and the plan at their top: `invoke --list` stays quick.
"""

from invoke.collection import Collection

from tasks import checks, cluster, rehearse

ns = Collection(cluster.upgrade_k8s, cluster.status, cluster.write_kubeconfig, rehearse.rehearse, checks.test)
ns.configure(
    {
        "seams": "tasks.real.seams",  # what is behind the tasks: a rehearsal names another function
        "rehearsal": {"line": False, "folder": "", "json": False, "finished": False},
    }
)
