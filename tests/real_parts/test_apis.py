"""What a real API server serves, and what real helm makes of --api-versions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tasks.loopback.kubernetes import MINOR
from tasks.parts import cache
from tasks.plan.apis import all_apis, served
from tasks.plan.version import Minor
from tests.real_parts.centre import Programs

SHOW = "apis: {{ .Capabilities.APIVersions | toJson }}\n"


def test_the_data_say_what_is_served(programs: Programs) -> None:
    """Of the groups that the data are about; of others, charts of other tests have brought some."""
    groups = {entry.group for entry in all_apis()}
    core = json.loads(programs.kubectl("get", "--raw", "/api/v1"))
    apis = [
        version["groupVersion"]
        for group in json.loads(programs.kubectl("get", "--raw", "/apis"))["groups"]
        for version in group["versions"]
    ]
    found = [
        core,
        *(
            json.loads(programs.kubectl("get", "--raw", f"/apis/{api}"))
            for api in apis
            if api.rpartition("/")[0] in groups
        ),
    ]
    kinds = {
        f"{each['groupVersion']}/{kind['kind']}"
        for each in found
        for kind in each["resources"]
        if "/" not in kind["name"]
    }
    assert kinds | {each["groupVersion"] for each in found} == set(served(Minor.parse(MINOR)))


def test_helm_is_given_kinds_and_nothing_is_taken_away(tmp_path: Path, parts: Callable[..., None]) -> None:
    parts("helm")
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: small, version: 0.0.1}\n")
    (tmp_path / "templates" / "shown.yaml").write_text(SHOW)

    def knows(*words: str) -> set[str]:
        command = [str(cache.program("helm")), "template", "x", str(tmp_path), "--kube-version", "1.22", *words]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return set(json.loads(said.partition("apis: ")[2]))

    own = knows()
    assert {"policy/v1beta1", "policy/v1", "autoscaling/v2"} <= own, "whatever the version is said to be"
    assert not any(name.count("/") == 2 for name in own), "no kinds"
    assert knows("--api-versions", ",".join(served(Minor(22)))) == own | set(served(Minor(22)))
