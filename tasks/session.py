"""What a cluster task works with: the configuration, the seams and the screen, put together from the settings."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from invoke.context import Context

from tasks import clusterconfig
from tasks.connect import Identity, connect, identity
from tasks.errors import Refused
from tasks.folder import ROOT, DiskFolder
from tasks.observe import Observer
from tasks.plan.values import Config
from tasks.plan.version import Minor
from tasks.screen import Screen
from tasks.seams import Seams


@dataclass
class Session:
    """file: the configuration's path below the folder. rehearsing: nothing behind the seams is real."""

    settings: Any
    seams: Seams
    screen: Screen
    file: str

    @classmethod
    def begin(cls, c: Context, json: bool) -> Session:
        """Reads the configuration, and with its region makes the seams. Nothing is asked of AWS yet."""
        if c.config.rehearsal.line:
            c.config.rehearsal.json = json
        load_credentials(c)
        file = setting(c, "cluster", "config")
        region = clusterconfig.parse(DiskFolder(ROOT).read(file), file).region
        module, _, name = c.config.seams.rpartition(".")
        make: Callable[[Any, str], Seams] = getattr(importlib.import_module(module), name)
        return cls(c.config, make(c.config, region), Screen(json), file)

    @property
    def rehearsing(self) -> bool:
        return bool(self.settings.rehearsal.folder)

    @property
    def dry(self) -> bool:
        return bool(self.settings.run.dry)

    @property
    def config(self) -> Config:
        """Read anew each time: the file changes on the way."""
        return clusterconfig.parse(self.seams.folder.read(self.file), self.file)

    @cached_property
    def identity(self) -> Identity:
        account = "" if self.rehearsing else str(self.settings.aws.account)
        return identity(self.seams, self.config, account)

    def observer(self, told: dict[str, Minor] | None = None) -> Observer:
        """Who we are and which API server this is are settled before the first look at the cluster."""
        account = self.identity.account
        kubectl = connect(self.seams, self.config, str(self.settings.kubernetes.server or ""))
        return Observer(self.seams, self.config, account, kubectl, told or {})


def setting(c: Context, section: str, key: str) -> str:
    value = c.config.get(section, {}).get(key)
    if not value:
        raise Refused(f"invoke.yaml has no {section}.{key}: add it, as in this repository's own.")
    return str(value)


def load_credentials(c: Context) -> None:
    """A laptop's .env, if there is one; what the environment says already wins. Never in a rehearsal."""
    if c.config.rehearsal.line or not (ROOT / ".env").exists():
        return
    from dotenv import load_dotenv

    load_dotenv(ROOT / ".env")
