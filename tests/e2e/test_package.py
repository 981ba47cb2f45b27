"""What is made of the program for those who install it: the Debian package, man pages, completion.
tests/package/run installs the package."""
import gzip
import os
import pathlib
import re
import stat
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

FLAGS = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def manual(world):
    return world.binary.parents[2] / "manual"


def commands(world, words=()):
    """(words, text of --help) of the program and all its commands."""
    text = world.run(world.binary, *words, "--help").stdout.decode()
    yield words, text
    below = text.partition("Subcommands:\n")[2].partition("\n\n")[0]
    for name in re.findall(r"^  (\S+)", below, re.MULTILINE):
        yield from commands(world, (*words, name))


def test_the_man_pages_are_without_warnings_and_name_all_commands_flags_and_keys(world):
    shown = {}
    for page in ("hubcache.1.gz", "hubcache.toml.5.gz"):
        done = subprocess.run(["man", "--warnings", "-l", str(manual(world) / page)],
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "200"},
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stderr == "", (page, done.stderr)
        shown[page] = done.stdout
    text = shown["hubcache.1.gz"]
    for words, help_text in commands(world):
        flags = set(FLAGS.findall(help_text.partition("Options:")[2])) - {"--help"}
        if words:
            assert f"hubcache {' '.join(words)}" in text, words
        assert all(flag in text for flag in flags), (words, flags)
    sample = world.run(world.binary, "config", "--sample").stdout.decode()
    keys = re.findall(r"^#(\w+ = .*)$", sample, re.MULTILINE)
    toml = shown["hubcache.toml.5.gz"]
    assert len(keys) > 30 and all(key in toml for key in keys)
    # A key is below its own section; what is no flag is no entry.
    assert [name for name in re.findall(r"^   (\[.*)$", toml, re.MULTILINE)][-2:] == ["[log]", "[[rules]]"]
    assert toml.index("[[rules]]") < toml.index("deny_files = ")
    bold = {re.sub(r"\\f[RB]", "", name).replace("\\-", "-") for name in re.findall(
        r"^\.TP\n(.*)$", gzip.decompress((manual(world) / "hubcache.1.gz").read_bytes()).decode(), re.MULTILINE)}
    assert not [name for name in bold if name.startswith(("Run", "All", "Exit", "thing"))], bold
    for footer in ("Run it again and it writes what is missing.", "Exit codes: 0 all is there"):
        assert footer in text
    for example in ("hubcache import --check /media/disk/export", "zstd -d < model.zst | hubcache import -",
                    "hubcache import --hf-home ~/.cache/huggingface --local-access"):
        assert re.search(rf"^ +{re.escape(example)}$", text, re.MULTILINE), example


def completed(world, *typed):
    script = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _hubcache; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = world.run("bash", "-c", script, manual(world) / "hubcache.bash", "hubcache", *typed)
    return set(done.stdout.decode().split())


def test_bash_completes_commands_flags_and_files(world):
    for words, text in commands(world):
        flags = set(FLAGS.findall(text.partition("Options:")[2].partition("\n\n")[0]))
        assert completed(world, *words, "--") >= flags, words
    assert completed(world, "ver") == {"verify", "version"}
    assert completed(world, "config", "rot") == {"rotate-key"}
    (world.folder / "this.toml").write_text("")
    (world.folder / "this-folder").mkdir()
    assert completed(world, "serve", "--config", "thi") == {"this.toml", "this-folder"}
    assert completed(world, "serve", "--config", "x", "--data-dir", "thi") == {"this-folder"}


def configure(world, name):
    """Runs the postinst on folders in place of /etc and /var; gives them."""
    root, tools = world.folder / name, world.folder / "tools"
    etc, var = root / "etc/hubcache", root / "var/lib/hubcache"
    tools.mkdir(exist_ok=True)
    for tool in ("getent", "adduser", "install", "chown", "deb-systemd-helper", "deb-systemd-invoke", "systemctl"):
        (tools / tool).write_text("#!/bin/sh\n")
        (tools / tool).chmod(0o755)
    etc.mkdir(parents=True)
    script = (ROOT / "config/debian/postinst").read_text()
    script = script.replace("/etc/hubcache", str(etc)).replace("/var/lib/hubcache", str(var))
    (root / "postinst").write_text(script)
    world.run("env", f"PATH={tools}:{os.environ['PATH']}", "sh", root / "postinst", "configure")
    key = etc / "secrets.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    return key.read_text(), var / "secrets.key"


def test_the_package_takes_a_key_that_is_there_but_follows_no_link(world):
    data = world.folder / "moved/var/lib/hubcache"
    data.mkdir(parents=True)
    (data / "secrets.key").write_text("ab" * 32 + "\n")
    key, old = configure(world, "moved")
    assert key == "ab" * 32 + "\n" and not old.exists()
    key, _ = configure(world, "fresh")
    assert re.fullmatch("[0-9a-f]{64}\n", key)
    data = world.folder / "linked/var/lib/hubcache"
    data.mkdir(parents=True)
    (world.folder / "shadow").write_text("root's own")
    (data / "secrets.key").symlink_to(world.folder / "shadow")
    key, old = configure(world, "linked")
    assert re.fullmatch("[0-9a-f]{64}\n", key) and old.is_symlink()


def test_the_version_is_that_of_the_latest_tag(world):
    clone = world.folder / "clone"
    script = world.folder / "version.cmake"
    module = world.binary.parents[2] / "CMakeCache.txt"
    source = re.search(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$", module.read_text(), re.MULTILINE)[1]
    script.write_text(f"include({source}/cmake/HubcacheVersion.cmake)\n"
                      f"hubcache_version(version {clone} 9.9)\nmessage(STATUS ${{version}})\n")

    def git(*arguments):
        world.run("git", "-C", clone, "-c", "user.name=n", "-c", "user.email=e", *arguments)

    def version():
        return world.run("cmake", "-P", script).stdout.decode().strip().removeprefix("-- ")

    clone.mkdir()
    assert version() == "9.9"
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    assert version() == "9.9"
    git("tag", "v1.2.3")
    git("tag", "other")
    assert version() == "1.2.3"
    git("commit", "-q", "--allow-empty", "-m", "two")
    assert re.fullmatch(r"1\.2\.3\+1\.g[0-9a-f]+", version()), version()


def test_cpack_makes_a_debian_package(world):
    build = world.binary.parents[2]
    out = world.folder / "out"
    world.run("cpack", "--config", build / "CPackConfig.cmake", "-G", "DEB", "-B", out)
    package, = out.glob("*.deb")
    fields = world.run("dpkg-deb", "-f", package).stdout.decode()
    version = world.run(world.binary, "version").stdout.decode().split()[1]
    for line in ("Package: hubcache", f"Version: {version}", "Section: net"):
        assert line in fields.splitlines(), fields
    for needed in ("adduser", "ca-certificates", "libssl3", "libsqlite3-0", "libsystemd0", "libc6"):
        assert re.search(rf"^Depends:.*\b{re.escape(needed)}\b", fields, re.MULTILINE), (needed, fields)

    listed = world.run("dpkg-deb", "-c", package).stdout.decode().splitlines()
    files = {line.split(maxsplit=5)[5]: line.split()[:2] for line in listed}
    assert all(owner == "root/root" for _, owner in files.values())
    for name, mode in {"usr/bin/hubcache": "-rwxr-xr-x", "etc/hubcache/hubcache.toml": "-rw-r--r--",
                       "etc/logrotate.d/hubcache": "-rw-r--r--",
                       "usr/lib/systemd/system/hubcache.service": "-rw-r--r--",
                       "usr/lib/sysusers.d/hubcache.conf": "-rw-r--r--",
                       "usr/share/man/man1/hubcache.1.gz": "-rw-r--r--",
                       "usr/share/man/man5/hubcache.toml.5.gz": "-rw-r--r--",
                       "usr/share/bash-completion/completions/hubcache": "-rw-r--r--",
                       "usr/share/doc/hubcache/copyright": "-rw-r--r--",
                       "usr/share/doc/hubcache/changelog.gz": "-rw-r--r--",
                       "usr/share/doc/hubcache/changelog.Debian.gz": "-rw-r--r--",
                       "usr/share/doc/hubcache/docs/operations.md": "-rw-r--r--"}.items():
        assert files["./" + name][0] == mode, (name, files.get("./" + name))
    assert not [name for name in files if "secret" in name or "/var/" in name]

    control = world.folder / "control"
    world.run("dpkg-deb", "-e", package, control)
    assert (control / "conffiles").read_text().split() == ["/etc/hubcache/hubcache.toml",
                                                           "/etc/logrotate.d/hubcache"]
    for script in ("postinst", "prerm", "postrm"):
        assert stat.S_IMODE((control / script).stat().st_mode) == 0o755
        world.run("sh", "-n", control / script)
    assert gzip.decompress((manual(world) / "changelog.gz").read_bytes()).startswith(b"# Changes")
