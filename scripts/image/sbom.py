"""What is in the image, as CycloneDX 1.6 JSON: Rust crates linked into the programs, Debian packages beside them.

Takes Cargo's resolved graph and the dpkg records the image carries, gives one document. Lists what is linked: no build
scripts' crates, no macros, nothing that only tests need. Never asks the network.
"""

import json
import subprocess

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

TARGET = "x86_64-unknown-linux-gnu"


def linked_crates():
    """The package itself and every crate its programs link, as `cargo metadata` describes them."""
    argv = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    metadata = json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=120).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    linked, waiting = set(), [root]
    while waiting:
        crate = waiting.pop()
        # A macro, and what only it uses, ends with the compiler.
        if crate in linked or "proc-macro" in packages[crate]["targets"][0]["kind"]:
            continue
        linked.add(crate)
        waiting += [edge["pkg"] for edge in nodes[crate]["deps"]
                    if any(kind["kind"] is None for kind in edge["dep_kinds"])]
    return packages[root], [packages[crate] for crate in linked - {root}]


def bill(debian, revision):
    """The number of components and the document. `debian`: the dpkg records of the image, as texts."""
    product, crates = linked_crates()
    licence = LicenseFactory().make_from_string
    bom = Bom()
    bom.metadata.component = Component(
        name="hokusai/contracts", version=product["version"], type=ComponentType.CONTAINER, bom_ref="image",
        purl=PackageURL("oci", None, "contracts", product["version"], {"vcs_url": f"git@{revision}"}))
    for crate in crates:
        # Old manifests write MIT/Apache-2.0 for what SPDX writes with OR.
        licences = [licence(crate["license"].replace("/", " OR "))] if crate["license"] else []
        purl = PackageURL("cargo", None, crate["name"], crate["version"])
        bom.components.add(Component(name=crate["name"], version=crate["version"], type=ComponentType.LIBRARY,
                                     bom_ref=str(purl), licenses=licences, purl=purl))
    for record in debian:
        fields = dict(line.split(": ", 1) for line in record.splitlines() if ": " in line and line[0] != " ")
        purl = PackageURL("deb", "debian", fields["Package"], fields["Version"], {"arch": fields["Architecture"]})
        bom.components.add(Component(name=fields["Package"], version=fields["Version"], type=ComponentType.LIBRARY,
                                     bom_ref=str(purl), purl=purl))
    bom.register_dependency(bom.metadata.component, bom.components)
    return len(bom.components), JsonV1Dot6(bom).output_as_string(indent=2)
