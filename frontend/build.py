"""Build the static site: `python -m frontend.build [--brand brand/demo.toml] [--out build/site]`.

One stylesheet and one small module a page, named by their content, so that they may be kept for ever;
pages themselves are never kept. The landlord's brand is read at build: a second landlord is a second build.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader, Undefined, UndefinedError

from frontend.brand import Brand, BrandError, read_brand
from frontend.pages import PAGES, Page
from frontend.weights import weigh, weights_table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MODULES = HERE / "node_modules"


class BuildError(Exception):
    """The site cannot be built; the message says what is missing and how to mend it."""


@dataclass(frozen=True)
class Assets:
    """Addresses of the files named by their content.

    Attributes:
        styles: the one stylesheet.
        logo: the landlord's logo.
        scripts: each page's own module by its name.
        shared: by the same name, the modules that it imports, to be fetched early.
    """

    styles: str
    logo: str
    scripts: dict[str, str]
    shared: dict[str, tuple[str, ...]]


def build(brand_file: Path, out: Path) -> None:
    """Write the whole site for one brand to `out`, replacing what is there only once all of it is built.

    Raises:
        BrandError: the brand file cannot be used.
        BuildError: a tool is missing or refuses a source.
    """
    brand = read_brand(brand_file)
    if not (MODULES / "govuk-frontend").is_dir():
        raise BuildError("The site's packages are not installed. Run: npm ci --prefix frontend")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as scratch:
        site = Path(scratch) / "site"
        assets_folder = site / "assets"
        assets_folder.mkdir(parents=True)
        styles = _hashed(assets_folder, "site", ".css", _styles(brand, Path(scratch)))
        logo = _hashed(assets_folder, "logo", brand.logo.suffix, brand.logo.read_bytes())
        _pages(site, brand, Assets(styles, logo, *_scripts(assets_folder, Path(scratch))))
        (site / "robots.txt").write_text(
            "User-agent: *\n" + "".join(f"Disallow: {path}\n" for path in _private_paths()), encoding="utf-8"
        )
        if out.exists():
            shutil.rmtree(out)
        site.rename(out)


def _private_paths() -> list[str]:
    return ["/api/", *(page.address for page in PAGES if page.area == "member")]


def _hashed(folder: Path, stem: str, suffix: str, content: bytes) -> str:
    name = f"{stem}-{hashlib.sha256(content).hexdigest()[:10]}{suffix}"
    (folder / name).write_bytes(content)
    return f"/assets/{name}"


def _styles(brand: Brand, scratch: Path) -> bytes:
    settings = "".join(f"${name.replace('_', '-')}: {value};\n" for name, value in brand.colours.items())
    (scratch / "_brand.scss").write_text(settings, encoding="utf-8")
    css = _run(
        "sass",
        "--no-source-map",
        "--no-charset",
        "--style=compressed",
        "--quiet-deps",
        f"--load-path={scratch}",
        f"--load-path={MODULES}",
        str(HERE / "styles" / "site.scss"),
    )
    return _run("esbuild", "--loader=css", "--minify", "--target=chrome80,firefox78,safari13", given=css)


def _scripts(folder: Path, scratch: Path) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    metadata = scratch / "scripts.json"
    pages = sorted((HERE / "scripts" / "pages").glob("*.js"))
    _run(
        "esbuild",
        *(str(page) for page in pages),
        "--bundle",
        "--splitting",
        "--format=esm",
        "--minify",
        "--target=es2020",
        "--legal-comments=none",
        "--entry-names=[name]-[hash]",
        "--chunk-names=shared-[hash]",
        f"--outdir={folder}",
        f"--metafile={metadata}",
        "--log-level=warning",
    )
    outputs = json.loads(metadata.read_text(encoding="utf-8"))["outputs"]
    scripts: dict[str, str] = {}
    shared: dict[str, tuple[str, ...]] = {}
    for written, told in outputs.items():
        if entry := told.get("entryPoint"):
            name = Path(entry).stem
            scripts[name] = f"/assets/{Path(written).name}"
            shared[name] = tuple(f"/assets/{Path(chunk).name}" for chunk in _imported(outputs, written))
    return scripts, shared


def _imported(outputs: dict[str, Any], written: str) -> list[str]:
    """All that a module imports, near and far, each once, in an order that does not change."""
    found: dict[str, None] = {}
    # What a page asks for only when somebody gets there is not fetched early.
    for link in (link for link in outputs[written]["imports"] if link["kind"] != "dynamic-import"):
        found[link["path"]] = None
        found.update(dict.fromkeys(_imported(outputs, link["path"])))
    return sorted(found)


def _run(tool: str, *arguments: str, given: bytes | None = None) -> bytes:
    program = MODULES / ".bin" / tool
    try:
        done = subprocess.run([str(program), *arguments], input=given, capture_output=True, check=False, cwd=ROOT)
    except FileNotFoundError as absent:
        raise BuildError(f"{tool} is not installed. Run: npm ci --prefix frontend") from absent
    if done.returncode:
        raise BuildError(f"{tool} refused the sources:\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def _pages(site: Path, brand: Brand, assets: Assets) -> None:
    environment = Environment(
        loader=ChoiceLoader(
            [
                FileSystemLoader(HERE / "templates"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=_NeverAGap,
    )
    environment.filters["tel"] = lambda number: "".join(number.split())
    environment.filters["pounds"] = _pounds
    environment.globals.update(
        brand=brand.values,
        national=tomllib.loads((HERE / "national.toml").read_text(encoding="utf-8")),
        assets=assets,
    )
    for page in PAGES:
        _write_page(site, environment, page)


def _write_page(site: Path, environment: Environment, page: Page) -> None:
    html = environment.get_template(f"pages/{page.template}").render(page=page)
    file = site / page.file
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = (line.strip() for line in html.splitlines())
    file.write_text("\n".join(line for line in lines if line) + "\n", encoding="utf-8")


def _pounds(pence: int) -> str:
    """Pence as a tenant reads them: `£1` or `£1,234.50`."""
    pounds, rest = divmod(pence, 100)
    return f"£{pounds:,}.{rest:02}" if rest else f"£{pounds:,}"


class _NeverAGap(Undefined):
    """May be asked whether it is there, as the component macros do; printing it stops the build."""

    def __str__(self) -> str:
        raise UndefinedError(self._undefined_message)


def main(arguments: list[str] | None = None) -> int:
    """Build, and print what each page weighs over the wire."""
    parser = argparse.ArgumentParser(prog="python -m frontend.build", description=__doc__)
    parser.add_argument("--brand", type=Path, default=ROOT / "brand" / "demo.toml")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    chosen = parser.parse_args(arguments)
    try:
        build(chosen.brand.resolve(), chosen.out.resolve())
    except (BrandError, BuildError) as refused:
        print(f"The site was not built. {refused}", file=sys.stderr)
        return 1
    print(weights_table(weigh(chosen.out.resolve())))
    print(f"The site is in {chosen.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
