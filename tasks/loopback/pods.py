"""What `kubectl exec` comes to. Pods run nothing, but a python3 can be called in each: this machine's, which sees one
folder here where the hub has its volume."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tasks.loopback.servers import private

VOLUME = "/srv/jupyterhub"  # where Zero to JupyterHub's hub has it

EXEC = """---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterExec
metadata: {name: everywhere}
spec: {execs: [{local: {}}]}
"""

TRANSLATED = """
import subprocess, sys
there, here, *words = sys.argv[1:]
words = [word.replace(there, here) for word in words]
ran = subprocess.run([sys.executable, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
sys.stdout.write(ran.stdout.replace(here, there))
sys.stderr.write(ran.stderr.replace(here, there))
sys.exit(ran.returncode)
"""


def programs(folder: Path, volume: Path) -> Path:
    """A folder with all that pods have, for kwok's PATH: whoever is used to more shall not find it on this machine."""
    words = [sys.executable, "-I", "-S", "-c", TRANSLATED, VOLUME, str(volume)]
    private(folder / "python3", f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n').chmod(0o700)
    return folder
