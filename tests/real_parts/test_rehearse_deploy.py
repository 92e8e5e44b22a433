"""`invoke rehearse deploy`: the deployment of this repository, in a data centre of its own that stays between rehearsals."""

from __future__ import annotations

import re
from pathlib import Path

from tests.real_parts.clone import invoke

DEPLOY = ("rehearse", "deploy")


def test_install_then_nothing_then_a_changed_value(clone: Path) -> None:
    said = invoke(clone, *DEPLOY)
    assert re.search(r"^diff: \d+ added", said, re.MULTILINE)
    assert "-prod is at revision 1." in said
    assert "3 charts downloaded" in said

    again = invoke(clone, *DEPLOY, "status")
    assert "diff: nothing to change" in again
    assert "-prod is at revision 1." in again
    assert "0 charts downloaded" in again
    assert re.search(r"against git +nothing to change", again)

    (values,) = clone.glob("deployments/*/config/common.yaml")
    text = values.read_text()
    values.write_text(text.replace("startTimeout: 900", "startTimeout: 901"))
    assert values.read_text() != text
    trial = invoke(clone, "--dry", *DEPLOY)
    changed = invoke(clone, *DEPLOY)
    for shown in (trial, changed):
        assert re.search(r"singleuser\.startTimeout: 900 → 901", shown)
        found = re.findall(r"^[~+-] (\w+ \S+)", shown, re.MULTILINE)
        assert found == ["Deployment hub", "Secret hub"]  # which have it, and nothing else
    assert "deploy: hubploy deploy --namespace default --cleanup-on-fail" in trial
    assert "-prod is at revision 2." in changed
    assert "0 charts downloaded" in changed

    back = invoke(clone, "rehearse", "rollback", "--yes")
    assert "is at revision 3, which is revision 1 again." in back


def test_without_parts_it_says_which(clone: Path, tmp_path: Path) -> None:
    said = invoke(clone, *DEPLOY, fails=True, INVOKE_PARTS_FOLDER=str(tmp_path / "empty"))
    assert "`invoke parts` gets what is missing" in said
    assert "helm" in said
    assert "Traceback" not in said


def test_lines_that_make_no_sense(clone: Path) -> None:
    for words in (
        ("rehearse", "deploy", "upgrade-k8s"),
        ("deploy", "rehearse"),
        ("rehearse", "--users", "3", "deploy"),
    ):
        said = invoke(clone, *words, fails=True)
        assert "Traceback" not in said
        assert len(said.strip().splitlines()) == 1, said
