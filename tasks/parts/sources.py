"""The Go programs that are ours: a main each, over the packages that the real one is made of."""

from __future__ import annotations

COMPONENTS = {
    "kube-apiserver": "NewAPIServerCommand",
    "kube-controller-manager": "NewControllerManagerCommand",
    "kube-scheduler": "NewSchedulerCommand",
}
STAGING = """api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap
    code-generator component-base component-helpers controller-manager cri-api cri-client csi-translation-lib
    dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy
    kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver""".split()

ETCD = """package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
"""

_KUBERNETES = """package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
{imports}
)

func main() {{
	for name, command := range map[string]func() *cobra.Command{{
{commands}
	}} {{
		if strings.HasPrefix(filepath.Base(os.Args[0]), name) {{
			os.Exit(cli.Run(command()))
		}}
	}}
	os.Stderr.WriteString("call this program by the name of a component\\n")
	os.Exit(2)
}}
"""


def kubernetes() -> str:
    alias = {name: name.replace("-", "") for name in COMPONENTS}
    imports = [f'\t{alias[name]} "k8s.io/kubernetes/cmd/{name}/app"' for name in COMPONENTS]
    commands = [
        f'\t\t"{name}": func() *cobra.Command {{ return {alias[name]}.{command}() }},'
        for name, command in COMPONENTS.items()
    ]
    return _KUBERNETES.format(imports="\n".join(imports), commands="\n".join(commands))


def go_mod(module: str, version: str, replaced: dict[str, str] | None = None) -> str:
    """Modules of the same release are named with their version: theirs name each other as v0.0.0."""
    lines = ["module part", "go 1.24", f"require {module} v{version}"]
    lines += [f"replace {name} => {name} v{there}" for name, there in (replaced or {}).items()]
    return "\n".join(lines) + "\n"


def staging(version: str) -> dict[str, str]:
    _, minor, patch = version.split(".")
    return {f"k8s.io/{name}": f"0.{minor}.{patch}" for name in STAGING}


def stamp(version: str) -> str:
    """What makes `kubectl version` name the version."""
    major, minor, _ = version.split(".")
    said = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{key}={value}" for key, value in said.items() for package in packages)
