"""`invoke secrets.init`: a first encrypted secrets file, from the example that lies beside it."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import yaml
from invoke.context import Context

from tasks.amazon import Boto
from tasks.errors import Interrupted, Refused
from tasks.hub.access import place, placed
from tasks.hub.deployment import choose, refuse_unknown_environment
from tasks.observe import READ_LIMIT
from tasks.plan.blanks import Blank, blanks, filled
from tasks.private import private_folder
from tasks.real import seams as real_seams
from tasks.screen import Screen
from tasks.seams import Seams
from tasks.session import load_credentials
from tasks.tools import sops


def init(c: Context, deployment: str, environment: str, screen: Screen) -> None:
    """The whole task. A file that is there is never touched."""
    load_credentials(c)
    folder = real_seams(c.config, "").folder
    chosen = choose(folder, deployment)
    refuse_unknown_environment(folder, chosen, environment, str(c.config.deploy["with"]))
    target = chosen.secrets_file(environment)
    if folder.read(target) is not None:
        raise Refused(f"{target} is there already: `sops {target}` edits it.")
    example = example_of(target)
    text = (folder.read(example) or b"").decode()
    if not text:
        raise Refused(f"{example} is missing, which says what the secrets are: add it.")
    try:
        wanted = blanks(text)
    except (ValueError, yaml.YAMLError) as error:
        raise Refused(f"{example} can't be used ({error}): mend it.") from None
    boto = Boto(chosen.cluster.region, bool(c.config.run.dry))
    outside = real_seams(c.config, chosen.cluster.region)
    answers = {} if c.config.run.dry else {blank.placeholder: _answer(blank) for blank in wanted}
    if c.config.run.dry:
        for blank in wanted:
            screen.says(f"{blank.placeholder}: {blank.question or f'{blank.size} random bytes'}")
        return
    with private_folder(outside.processes) as private:
        seams = placed(outside, place(boto, Path(c.config.root), private, chosen.cluster.region))
        seams.folder.write(target, encrypted(seams, target, yaml.safe_dump(filled(text, answers)), private))
    generated = sum(bool(blank.size) for blank in wanted)
    screen.says(
        f"{target}: {generated} secrets generated, {len(wanted) - generated} as you said, encrypted. Commit it.",
        "green",
    )


def example_of(target: str) -> str:
    return target.removesuffix(".yaml") + ".example.yaml"


def encrypted(seams: Seams, target: str, text: str, private: Path) -> bytes:
    """By the rule that .sops.yaml has for `target`. Refused if it can't be encrypted, or not be decrypted again."""
    plain, back = private / "plain.yaml", private / "back.yaml"
    for file in (plain, back):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
    plain.write_text(text)
    ran = seams.run(sops.encrypt(str(plain), target), limit=READ_LIMIT)
    if ran.exit != 0:
        raise Refused(
            f"sops can't encrypt {target} ({ran.last_words}): look at .sops.yaml and at the AWS identity in use."
        )
    content = plain.read_bytes()
    ran = seams.run(sops.decrypt(str(plain), str(back)), limit=READ_LIMIT)
    if ran.exit != 0 or yaml.safe_load(back.read_text()) != yaml.safe_load(text):
        raise Refused(f"What sops made of {target} can't be decrypted again ({ran.last_words}): look at .sops.yaml.")
    return content


def _answer(blank: Blank) -> str:
    if blank.size:
        return secrets.token_hex(blank.size)
    if sys.stdin is None or not sys.stdin.isatty():
        raise Refused("Some secrets have to be asked for, and nobody is there to answer: run it on a terminal.")
    from getpass import getpass

    try:
        while True:
            if answer := getpass(f"{blank.question} (not shown) ").strip():
                return answer
    except (KeyboardInterrupt, EOFError):
        raise Interrupted("Nothing was written.") from None
