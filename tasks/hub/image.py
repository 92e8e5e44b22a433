"""`invoke build-image`: the registry is asked what it has, and only what is missing is made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from invoke.context import Context

from tasks.amazon import Boto
from tasks.errors import Interrupted, Refused, Terminated
from tasks.folder import DiskFolder
from tasks.hub.access import place, place_without_keys, placed
from tasks.hub.building import Building
from tasks.hub.deployment import choose
from tasks.hub.opened import tag
from tasks.hub.registry import Registry, registry
from tasks.observe import READ_LIMIT
from tasks.plan.deployment import Access, Deployment, Image
from tasks.plan.image import Found, amount, because, content_tag, decide, some
from tasks.private import private_folder
from tasks.real import seams as real_seams
from tasks.screen import Screen, duration
from tasks.seams import AwsError, Place, Seams
from tasks.session import load_credentials
from tasks.tools import git

FETCH_LIMIT = 600.0  # seconds


def build(c: Context, deployment: str, push: bool, screen: Screen) -> None:
    """The whole task. Raises Refused or Interrupted where it ends early."""
    try:
        with _opened(c, deployment, push, screen) as images:
            images.run()
    except Terminated as signal:
        raise Interrupted("Ended from outside: the same command begins again.", signal.code) from None
    except KeyboardInterrupt:
        raise Interrupted("Interrupted: the same command begins again, with what Docker has kept.") from None
    finally:
        screen.rest()


@contextmanager
def _opened(c: Context, name: str, push: bool, screen: Screen) -> Iterator[Images]:
    """The preflight: what a build needs, and nothing of what a deploy does."""
    load_credentials(c)
    root = Path(c.config.root)
    chosen = choose(real_seams(c.config, "").folder, name)
    access = _registry_of(chosen, push)
    boto = Boto(access.region or chosen.cluster.region, bool(c.config.run.dry))
    outside = replace(real_seams(c.config, boto.region), folder=DiskFolder(root, seen_from=root))
    with private_folder(outside.processes) as private:
        asked = _has_keys(boto) or (access.provider == "aws" and push)
        where = place(boto, root, private, boto.region) if asked else place_without_keys(root, private)
        seams = placed(outside, where)
        known = registry(seams, boto, chosen, private) if asked or access.provider != "aws" else None
        # git with the person's own home: what they have told it to ignore everywhere stands there.
        history = placed(outside, Place(str(root), where.private, {**os.environ, "GIT_TERMINAL_PROMPT": "0"}))
        yield Images(Building(seams, where, private, boto, chosen, screen), history, known, push)


def _registry_of(deployment: Deployment, push: bool) -> Access:
    file, access = deployment.folder("hubploy.yaml"), deployment.registry
    if not deployment.images:
        raise Refused(f"{file} names no image, so that there is nothing to build: add images.image_name.")
    if access is None:
        raise Refused(f"{file} has no images.registry, and hubploy builds nothing without: add it.")
    if push and access.provider == "aws" and not access.role:
        raise Refused(f"{file} has no images.registry.aws.role_arn, and hubploy pushes only as a role: add it.")
    if access.provider == "dockerconfig" and not access.file.endswith(".json"):
        raise Refused(f"{file} names {access.file} as Docker config file, and hubploy reads only .json: rename it.")
    return access


def _has_keys(boto: Boto) -> bool:
    try:
        boto.keys()
    except AwsError:
        return False
    return True


@dataclass
class Images:
    """A deployment's. history: git's answers. known: None where nobody may ask the registry, and nothing is pushed."""

    building: Building
    history: Seams
    known: Registry | None
    push: bool

    def run(self) -> None:
        screen, deployment = self.building.screen, self.building.deployment
        self._complete_history()
        found = [self._look(image) for image in deployment.images]
        if self.known is None:
            screen.says("! no AWS credentials: what the registry has is not known, and can't be built upon", "yellow")
        for each in found:
            screen.says(each.image, "bold")
            screen.says(f"  {because(each, self.push)}")
        if self.building.boto.dry:
            self._show(found)
            return
        missing = [each for each in found if decide(each, self.push) == "build"]
        if missing:
            self.building.prepare(self.known)
        for each in found:
            self._make(each)

    def _complete_history(self) -> None:
        """A shallow clone knows no image's tag. It is completed where that can be done; else it is refused below."""
        run = self.history.run
        if run(git.is_shallow(), limit=READ_LIMIT).stdout.strip() == "true" and run(git.remotes()).stdout.strip():
            self.building.screen.says("This clone is shallow: fetching the rest of its history, for the image's tag.")
            run(git.unshallow(), changes=True, limit=FETCH_LIMIT)

    def _look(self, image: Image) -> Found:
        deployment = self.building.deployment
        folder = deployment.folder(image.folder)
        named = tag(self.history, deployment, image)
        ran = self.history.run(git.tree(folder), limit=READ_LIMIT)
        if ran.exit != 0:
            raise Refused(f"The commit that is checked out has no {folder}/, which hubploy.yaml names: add it.")
        marker = content_tag(ran.stdout.strip())
        dirty = self._dirty(folder)
        if dirty and self.push:
            raise Refused(
                f"{folder}/ has what no commit has ({some(dirty)}), and an image's tag says which commit it is of: "
                "commit it or take it away, or leave out --push to try it out."
            )
        tagged, marked = ((self.known.has(image.name, each) if self.known else False) for each in (named, marker))
        return Found(image.name, folder, named, marker, dirty, tagged, marked)

    def _dirty(self, folder: str) -> tuple[str, ...]:
        changed, ignored = git.parse_status(self.history.run(git.status(folder), limit=READ_LIMIT).stdout)
        if ignored:
            self.building.screen.says(
                f"! git ignores {some(ignored)}, and Docker doesn't: no commit tells of it", "yellow"
            )
        return tuple(changed)

    def _show(self, found: list[Found]) -> None:
        """Under --dry."""
        for each in found:
            match decide(each, self.push):
                case "build":
                    self.building.screen.commands([("build", self.building.command(each, self.push))])
                    self.building.screen.says(f"mark: {each.name}:{each.content}" if self.push else "nothing is pushed")
                case "retag":
                    self.building.screen.says(f"retag: {each.content} → {each.tag}")
                case "mark":
                    self.building.screen.says(f"mark: {each.tag} → {each.content}")

    def _make(self, found: Found) -> None:
        begun = self.building.seams.clock.now()
        todo = decide(found, self.push)
        match todo:
            case "build":
                self.building.build(found, self.push)
            case "retag":
                self._copy(found, found.content, found.tag)
        if self.push:
            self._report(
                found, "" if todo in ("nothing", "mark") else duration(self.building.seams.clock.now() - begun)
            )
        elif todo == "build":
            took = duration(self.building.seams.clock.now() - begun)
            self.building.screen.says(f"{found.image} can be built, in {took}; it was not pushed.", "bold green")

    def _copy(self, found: Found, source: str, target: str) -> None:
        """One more tag for what is there: about a second, whatever the image's size."""
        known = self._registry()
        manifest = known.manifest(found.name, source)
        if manifest is None:
            raise Refused(f"{found.name}:{source} was deleted from the registry just now: start again.")
        known.put(found.name, target, manifest)

    def _report(self, found: Found, took: str) -> None:
        """The registry is asked once more: that hubploy has ended well proves nothing."""
        known = self._registry()
        manifest = known.manifest(found.name, found.tag)
        if manifest is None:
            raise Refused(
                f"{found.image} is not in the registry, though nothing has failed: start again, and look at it."
            )
        if not known.has(found.name, found.content):
            known.put(found.name, found.content, manifest)
        if manifest.size is None and manifest.inside:
            manifest = known.manifest(found.name, manifest.inside) or manifest
        words = [amount(manifest.size)] if manifest.size else []
        words += [f"in {took}"] if took else []
        self.building.screen.says(", ".join([f"{found.image} is in the registry", *words]) + ".", "bold green")

    def _registry(self) -> Registry:
        """As a role that is assumed anew: a build may outlast the hour for which one is given."""
        building = self.building
        return registry(building.seams, building.boto, building.deployment, building.private)
