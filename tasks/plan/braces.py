"""Braces in `singleuser.extraEnv`, which KubeSpawner fills in from 5.0.0 on (charts: jupyterhub 3.0.0 has 6.0.0).

Up to 4.3.0 a text came to the person's server as it stood. From 5.0.0 on each goes through str.format with KubeSpawner's
own fields first (get_env, _expand_user_properties), and the first brace that is none of them ends every spawn. So
`{PORT}` has to be written `{{PORT}}`, and not before: an older KubeSpawner hands on both pairs.
"""

from __future__ import annotations

import re

# What every KubeSpawner from 5.0.0 to 7.1.0 fills in, as it would for a person's server without a name. Left out is
# what only some have: legacy_escape_username (up to 6.2.0), and from 7.0.0 on user_server, safe_…, escaped_…, pod_name,
# pvc_name and namespace. No such text could pass through an upgrade unharmed.
FIELDS = {
    "userid": 1,
    "username": "anna",
    "unescaped_username": "anna",
    "servername": "",
    "unescaped_servername": "",
    "hubnamespace": "hub",
}

# From left to right as str.format reads: two opening braces are no field, whatever follows.
_PIECE = re.compile(rf"\{{\{{|(?P<field>\{{(?:{'|'.join(FIELDS)})(?:[.\[!:][^{{}}]*)?\}})|[{{}}]")


def trouble(text: str) -> str:
    """What ends a spawn with this text, such as `KeyError 'PORT'`; "" if every KubeSpawner from 5.0.0 on can fill it in.

    "" doesn't say that the text stays what it was: `{{PORT}}` becomes `{PORT}`, and `{username}` a name.
    """
    try:
        text.format(**FIELDS)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        return f"{type(error).__name__} {error}"
    return ""


def doubled(text: str) -> str:
    """The text with which a person's server gets, from KubeSpawner 5.0.0 on, what it got before.

    Every brace is doubled, except those of a field that KubeSpawner can fill in: whoever writes `{username}` means the
    name, and an older KubeSpawner didn't give it. A text without trouble is left alone: there is no telling whether
    `{{PORT}}` was doubled for the new KubeSpawner or is wanted so. Thereby doubling twice is doubling once.
    """
    return _PIECE.sub(_piece, text) if trouble(text) else text


def _piece(found: re.Match[str]) -> str:
    if found["field"] and not trouble(found["field"]):
        return found["field"]
    return found[0].replace("{", "{{").replace("}", "}}")
