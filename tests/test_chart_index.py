"""An index is read as helm reads it, whatever is in it, and its versions stand in their order."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from tasks.charts.index import Declared, Entry, newest_first, parse_index, several
from tasks.errors import Refused
from tests.repositories import index
from tests.strategies import examples

# As helm.dask.org has it.
REAL = b"""apiVersion: v1
entries:
  daskhub:
  - apiVersion: v2
    appVersion: jh1.2.0-dg2022.6.1
    created: "2022-06-28T10:14:52.572639522Z"
    dependencies:
    - import-values:
      - child: rbac
        parent: rbac
      name: jupyterhub
      repository: https://jupyterhub.github.io/helm-chart/
      version: 1.2.0
    - name: dask-gateway
      repository: https://helm.dask.org/
      version: 2022.6.1
    description: Multi-user JupyterHub and Dask deployment.
    digest: 26648b4c31336c6e58bad920d19bd3a48dc6a0e6dfe634b9cf44c255101157ca
    icon: https://avatars3.githubusercontent.com/u/17131925?v=3&s=200
    maintainers:
    - email: jacob@tomlinson.email
      name: jacobtomlinson
    name: daskhub
    urls:
    - https://helm.dask.org/daskhub-2022.6.0.tgz
    version: 2022.6.0
generated: "2022-08-15T09:53:00.783"
"""


def test_all_of_a_real_entry() -> None:
    (entry,) = parse_index(REAL, "here")["daskhub"]
    assert entry == Entry(
        "daskhub",
        "2022.6.0",
        "26648b4c31336c6e58bad920d19bd3a48dc6a0e6dfe634b9cf44c255101157ca",
        ("https://helm.dask.org/daskhub-2022.6.0.tgz",),
        "",
        (
            Declared("jupyterhub", "1.2.0", "https://jupyterhub.github.io/helm-chart/"),
            Declared("dask-gateway", "2022.6.1", "https://helm.dask.org/"),
        ),
    )
    assert hash(entry)


def read(*rows: dict[str, Any]) -> tuple[Entry, ...]:
    return parse_index(index(*({"name": "x", **row} for row in rows)), "here")["x"]


def test_newest_first_and_what_cannot_be_compared_last() -> None:
    versions = ["0.9.0-n076.h7abb97f", "2022.4.0-beta.1", "2022.11.0", "2022.4.0", "0.9.0", "2022.10.0", "2026.3.0+a.1"]
    entries = read(*({"version": version} for version in versions))
    ordered = ["2026.3.0+a.1", "2022.11.0", "2022.10.0", "2022.4.0", "2022.4.0-beta.1", "0.9.0", "0.9.0-n076.h7abb97f"]
    assert [each.version for each in entries] == ordered
    offered = ["2026.3.0+a.1", "2022.11.0", "2022.10.0", "2022.4.0", "0.9.0"]
    assert [each.version for each in entries if each.offered] == offered


def test_what_is_deprecated_or_numbered_as_a_pre_release_is_not_offered() -> None:
    entries = read({"version": "3.0.0", "deprecated": True}, {"version": "2.0.0-1"}, {"version": "1.0.0"})
    assert [(each.version, each.offered) for each in entries] == [("3.0.0", False), ("2.0.0-1", False), ("1.0.0", True)]


def test_texts_stay_texts() -> None:
    content = b"entries: {x: [{version: 2021.10, digest: 0012, kubeVersion: ~}, {version: 1e3, kubeVersion: null}]}"
    entries = parse_index(content, "here")["x"]
    assert [(each.version, each.digest, each.kubernetes) for each in entries] == [
        ("2021.10", "0012", ""),
        ("1e3", "", ""),
    ]


def test_a_digest_may_name_its_kind() -> None:
    (entry,) = read({"version": "1.0.0", "digest": "sha256:" + "AB" * 32})
    assert entry.digest == "ab" * 32


versions = st.one_of(
    st.from_regex(r"\A[0-9]{1,4}\.[0-9]{1,2}\.[0-9]{1,2}(-[a-z]{1,5}\.[0-9])?(\+[a-z0-9.]{1,3})?\Z"),
    st.text(max_size=8),
)


@examples(200)
@given(st.lists(versions, max_size=8))
def test_the_order_is_that_of_packaging(texts: list[str]) -> None:
    entries = newest_first([Entry("x", text) for text in texts])
    assert sorted(each.version for each in entries) == sorted(texts)
    known = [each.order for each in entries if each.order is not None]
    assert known == sorted(known, reverse=True)
    assert [each.order for each in entries][len(known) :] == [None] * (len(texts) - len(known))
    for each in entries:
        assert not each.offered or not Version(each.version).is_prerelease


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
rows = st.dictionaries(
    st.sampled_from(("version", "urls", "digest", "dependencies", "deprecated", "kubeVersion")), anything
)

listed = st.dictionaries(st.text(max_size=5), st.lists(rows, max_size=3), max_size=3)


@examples(200)
@given(st.one_of(anything, st.fixed_dictionaries({"entries": st.one_of(anything, listed)})))
def test_anything_is_read_or_refused(content: Any) -> None:
    text = yaml.safe_dump(content).encode()
    entries = content.get("entries", 0) if isinstance(content, dict) else 0
    if isinstance(entries, dict) or entries in (None, "", "~", "null"):
        charts = parse_index(text, "here")
        assert all(each.version and each.name == name for name, found in charts.items() for each in found)
    else:
        with pytest.raises(Refused, match=r"^What here has for an index\.yaml is none: "):
            parse_index(text, "here")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdefgh"), "a, b, c, d, e, f and 2 more"),
    ],
)
def test_names_in_a_sentence(names: list[str], said: str) -> None:
    assert several(names) == said
