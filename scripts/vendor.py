#!/usr/bin/env python3
"""Copies the one library the page ships out of node_modules, with its licence and a record of what it is.

    npm ci --ignore-scripts && python scripts/vendor.py

Writes ``src/oneliner/web/static/vendor/<name>-<version>/`` with the file, LICENSE and ``vendor.json``. A test hashes the
files again; run this after changing the version in package.json, and change the import in ``markdown.js`` with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "src/oneliner/web/static/vendor"
LIBRARIES = {"marked": ("lib/marked.esm.js", "LICENSE")}


def main() -> None:
    """Copy every library of LIBRARIES; folders of other versions are removed."""
    locked = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    shutil.rmtree(TARGET, ignore_errors=True)
    for name, files in LIBRARIES.items():
        entry = locked[f"node_modules/{name}"]
        folder = TARGET / f"{name}-{entry['version']}"
        folder.mkdir(parents=True)
        for file in files:
            shutil.copyfile(ROOT / "node_modules" / name / file, folder / Path(file).name)
        # For the type checker, which finds the library's own types in node_modules.
        (folder / f"{Path(files[0]).stem}.d.ts").write_text(f'export * from "{name}";\n', "utf-8")
        record = {
            "name": name,
            "version": entry["version"],
            "licence": entry["license"],
            "npm_integrity": entry["integrity"],
            "files": {Path(file).name: {"source": file, "sha384": sha384(folder / Path(file).name)} for file in files},
        }
        (folder / "vendor.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def sha384(path: Path) -> str:
    """The hash of a file, as a browser's integrity attribute writes it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


if __name__ == "__main__":
    main()
