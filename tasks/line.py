"""The rule of the command line: `rehearse` stands first and is followed by tasks that can be rehearsed, or the whole
line is refused before any of it runs. Named in invoke.yaml under tasks.executor_class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from invoke.executor import Executor
from invoke.parser.context import ParserContext

from tasks.errors import Interrupted, Refused

# What can be rehearsed, and where: on the practice cluster, or in the practice data centre. A line is about the first
# place that all of its tasks have.
REHEARSABLE = {
    "upgrade-k8s": ("cluster",),
    "status": ("cluster", "hub"),
    "write-kubeconfig": ("cluster",),
    "deploy": ("hub",),
    "diff": ("hub",),
    "bump-daskhub": ("hub",),
    "rollback": ("hub",),
}


class Line(Executor):
    """Invoke's executor, which looks at the line as a whole first, and has the last word of a rehearsal."""

    def execute(self, *tasks: str | tuple[str, dict[str, Any]] | ParserContext) -> dict[Any, Any]:
        names = [
            task if isinstance(task, str) else task[0] if isinstance(task, tuple) else str(task.name) for task in tasks
        ]
        refuse_missing_settings(self.config)
        rehearsing = what_is_rehearsed(names)
        self.config.rehearsal = {"line": rehearsing, "folder": "", "json": False, "finished": False, "repositories": {}}
        try:
            results: dict[Any, Any] = super().execute(*tasks)
        except KeyboardInterrupt:
            raise Interrupted("Interrupted: the same command goes on from here.") from None
        finally:
            if rehearsing:
                from tasks.rehearse import end

                end(self.config, results_of="upgrade-k8s" in names)
        return results


def refuse_missing_settings(settings: Any) -> None:
    """Invoke passes over a file that -f names and that is not there: the line would be about another deployment."""
    file = getattr(settings, "_runtime_path", None)
    if file and not Path(file).expanduser().exists():
        raise Refused(f"There is no {file}, which -f or INVOKE_RUNTIME_CONFIG names: look at its spelling.")
    if file and "config" not in (settings._runtime.get("cluster") or {}):
        raise Refused(f"{file} has no cluster.config, so that the line would be about another deployment: add it.")


def what_is_rehearsed(names: Sequence[str]) -> str:
    """cluster or hub; "" if this line is no rehearsal. Refused where it is half of one."""
    if "rehearse" not in names:
        return ""
    if names[0] != "rehearse" or names.count("rehearse") > 1:
        raise Refused(
            f"`rehearse` has to stand first: invoke rehearse {' '.join(name for name in names if name != 'rehearse')} …"
        )
    if len(names) == 1:
        raise Refused("`rehearse` needs to know what: invoke rehearse upgrade-k8s --to 1.22")
    for name in names[1:]:
        if name not in REHEARSABLE:
            raise Refused(f"`{name}` can't be rehearsed: only {', '.join(REHEARSABLE)} have a practice side.")
    for place in ("cluster", "hub"):
        if all(place in REHEARSABLE[name] for name in names[1:]):
            return place
    raise Refused(
        "A deploy is rehearsed in a data centre of its own, an upgrade on another cluster: one line can't have both."
    )
