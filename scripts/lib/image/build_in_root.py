#!/usr/bin/env python3
"""Carries Dockerfile.consumer out without a container engine: in a bare Debian root, as root, by chroot.

    build_in_root.py --root DIR --tree DIR [--archive F.tar --name NAME --created SECONDS] [--arg NAME=VALUE]… CONTEXT

--root     where the first stage runs: made by debian-root.sh unless it is there, and left there
--tree     gets the files of the image
--archive  gets an image that docker load, podman load and ctr images import take, called NAME; the same files give the same bytes

The recipe is read from CONTEXT/Dockerfile.consumer, which may use what is below in `Builder`; anything else is an error, so that the two
ways to build cannot drift apart. Exit: 0 done; 1 failed.
"""

import argparse
import filecmp
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# How this machine reaches the network; container engines hand the first six over as well.
FROM_HOST = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL", "PIP_CERT")


class BuildError(Exception):
    pass


def instructions(text):
    """(line number, KEYWORD, rest) of each instruction; comments are gone, continued lines joined."""
    result, joined, start = [], "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and not joined):
            continue
        start = start if joined else number
        joined += line.rstrip()
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        keyword, _, rest = joined.strip().partition(" ")
        result.append((start, keyword.upper(), rest.strip()))
        joined = ""
    return result


def expand(text, values, line):
    """`text` with each ${NAME} replaced."""
    def value(match):
        if match[1] not in values:
            raise BuildError(f"line {line}: {match[1]} is no ARG of this stage")
        return values[match[1]]
    return re.sub(r"\$\{(\w+)\}", value, text)


def seconds(text):
    """Nanoseconds, as an image's configuration has them, of `30s`."""
    return int(text.removesuffix("s")) * 10**9


def copy_changed(source, target):
    """Copies a file unless the same is there already: in a root that is kept, only what has changed is compiled again."""
    if not (os.path.isfile(target) and filecmp.cmp(source, target, shallow=False)):
        shutil.copyfile(source, target)
    shutil.copymode(source, target)


class Builder:
    """Carries out the instructions of a Dockerfile of two stages: the first in `root`, the second, FROM scratch, into `tree`."""

    def __init__(self, context, root, tree, arguments):
        self.context, self.root, self.tree = context, root, tree
        self.given = arguments
        self.known = set()    # ARGs that the file has
        self.defaults = {}    # of those before the first FROM
        self.values = {}      # of the ARGs in this stage
        self.stage = 0
        self.names = {}       # of the stages before
        self.workdir = "/"
        self.config = {"Env": [], "Labels": {}}

    def build(self):
        for line, keyword, rest in instructions((self.context / "Dockerfile.consumer").read_text(encoding="utf-8")):
            handler = getattr(self, f"do_{keyword.lower()}", None)
            if handler is None:
                raise BuildError(f"line {line}: {keyword} is not carried out here")
            handler(line, rest)
        unknown = set(self.given) - self.known
        if unknown:
            raise BuildError(f"Dockerfile.consumer has no ARG {', '.join(sorted(unknown))}")
        return self.config

    # -- both stages

    def do_arg(self, line, rest):
        name, _, default = rest.partition("=")
        self.known.add(name)
        values = self.values if self.stage else self.defaults
        if name in self.given:
            values[name] = self.given[name]
        elif default or name in self.defaults:
            values[name] = expand(default, values, line) if default else self.defaults[name]

    def do_from(self, line, rest):
        self.stage += 1
        self.values, self.workdir = {}, "/"
        base, _, name = expand(rest, self.defaults, line).partition(" AS ")
        if self.stage == 1:
            self.names[name] = self.root
            self.prepare_root()
        elif base == "scratch" and self.stage == 2:
            self.tree.mkdir(parents=True)
        else:
            raise BuildError(f"line {line}: the second stage, the last, is FROM scratch here")

    def prepare_root(self):
        """What stands for the base: BASE is taken where an engine can pull it, here DEBIAN's release alone counts."""
        done = subprocess.run([HERE / "debian-root.sh", self.root, self.defaults["DEBIAN"]], check=False)
        if done.returncode != 0:
            raise BuildError("there is no base to build in")
        for left in ("image", "models", "kexp/image-models", "usr/local/lib/kexp"):  # of a build before
            shutil.rmtree(self.root / left, ignore_errors=True)

    def do_copy(self, line, rest):
        *sources, target = rest.split()
        source_root = self.context
        if sources[0].startswith("--from="):
            source_root = self.names[sources.pop(0).removeprefix("--from=")]
        destination = self.tree if self.stage == 2 else self.root
        for source in sources:
            found = source_root / source.lstrip("/")
            to = destination / os.path.join(self.workdir, target).lstrip("/")
            if not found.exists():
                raise BuildError(f"line {line}: there is no {source} to copy")
            if found.is_dir():
                shutil.copytree(found, to, symlinks=True, dirs_exist_ok=True, copy_function=copy_changed)
            else:
                copy_changed(found, to / found.name if target.endswith("/") else to)

    def do_workdir(self, _line, rest):
        self.workdir = rest
        (self.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    # -- the first stage

    def do_run(self, line, rest):
        print(f"build_in_root: {rest}", file=sys.stderr)
        environment = {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **self.values,
                       **{name: os.environ[name] for name in FROM_HOST if name in os.environ}}
        # Mounts of its own: they are gone when the step has ended, however it ends.
        inside = ('root=$1; mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --rbind /sys "$root/sys" && '
                  'exec chroot "$root" /bin/sh -c "cd $2 && $3"')
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", inside, "sh", self.root,
                               shlex.quote(self.workdir), rest], env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise BuildError(f"line {line}: RUN {rest}: exit code {done.returncode}")

    # -- the second: what the image says of itself

    def do_label(self, line, rest):
        for word in shlex.split(expand(rest, self.values, line)):
            name, _, value = word.partition("=")
            self.config["Labels"][name] = value

    def do_env(self, line, rest):
        self.config["Env"] += shlex.split(expand(rest, self.values, line))

    def do_user(self, _line, rest):
        self.config["User"] = rest

    def do_expose(self, _line, rest):
        self.config["ExposedPorts"] = {f"{port}/tcp": {} for port in rest.split()}

    def do_entrypoint(self, _line, rest):
        self.config["Entrypoint"] = json.loads(rest)

    def do_cmd(self, _line, rest):
        self.config["Cmd"] = json.loads(rest)

    def do_healthcheck(self, line, rest):
        options, _, command = rest.partition(" CMD ")
        names = {"interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod"}
        check = {"Test": ["CMD", *json.loads(command)]}
        for word in options.split():
            name, _, value = word.removeprefix("--").partition("=")
            if name == "retries":
                check["Retries"] = int(value)
            elif name in names:
                check[names[name]] = seconds(value)
            else:
                raise BuildError(f"line {line}: {word} is not carried out here")
        self.config["Healthcheck"] = check


def layer_of(tree, created):
    """The bytes of a tar of `tree`: names in order, owned by root, as old as the image."""
    def plain(entry):
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = created
        return entry
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as layer:
        for path in sorted(tree.rglob("*")):
            layer.add(path, arcname=str(path.relative_to(tree)), recursive=False, filter=plain)
    return content.getvalue()


def write_archive(file, name, tree, config, created):
    """An image of one layer, as `docker save` writes it."""
    layer = layer_of(tree, created)
    digest = hashlib.sha256(layer).hexdigest()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(created))
    image = json.dumps({"architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux", "created": moment,
                        "config": config, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
                        "history": [{"created": moment, "created_by": "Dockerfile.consumer"}]}, indent=1).encode()
    image_name = f"{hashlib.sha256(image).hexdigest()}.json"
    manifest = [{"Config": image_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as archive:
        for member, content in ((f"{digest}/layer.tar", layer), (image_name, image), ("manifest.json", json.dumps(manifest).encode())):
            entry = tarfile.TarInfo(member)
            entry.size, entry.mtime, entry.mode = len(content), created, 0o644
            archive.addfile(entry, io.BytesIO(content))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--name", default="")
    parser.add_argument("--created", type=int, default=0)
    parser.add_argument("--arg", action="append", default=[])
    parser.add_argument("context", type=Path)
    options = parser.parse_args()
    try:
        arguments = dict(word.split("=", 1) for word in options.arg)
        config = Builder(options.context, options.root.absolute(), options.tree, arguments).build()
        if options.archive:
            write_archive(options.archive, options.name, options.tree, config, options.created)
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        print(f"build_in_root: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
