"""What every command of the command line has in common."""
import json
import re
import shlex
import subprocess

from harness import command
from test_care import serve_files


def run(world, *arguments):
    return subprocess.run([str(world.binary), *arguments], capture_output=True, text=True, timeout=60)


def commands(world, words=()):
    """Every command, as its words, with what its --help says."""
    done = run(world, *words, "--help")
    assert done.returncode == 0 and done.stderr == "", (words, done.stderr)
    yield words, done.stdout
    below = re.search(r"^Subcommands:\n((?:  .*\n)+)", done.stdout, re.M)
    for name in re.findall(r"^  (\S+)", below[1], re.M) if below else ():
        yield from commands(world, (*words, name))


def examples(text):
    """The command lines of hubcache's among the examples, without what a shell makes of the rest."""
    for line in re.findall(r"^Example: (.*)$", text, re.M):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = [word.removeprefix("HF_TOKEN=$") for word in lexer]
        after = words[words.index("hubcache") + 1:]
        shell = [i for i, word in enumerate(after) if set(word) <= set("|()<>&;")]
        yield after[:shell[0]] if shell else after


def test_every_command_has_help_with_an_example_that_can_be_understood(world):
    seen = set()
    for words, text in commands(world):
        seen.add(" ".join(words))
        found = list(examples(text))
        assert found, f"hubcache {' '.join(words)} --help shows no example"
        for example in found:
            assert tuple(example[:len(words)]) == words, (words, example)
            done = run(world, "--check-arguments", *example)
            assert done.returncode == 0 and not done.stdout + done.stderr, (example, done)
    assert {"", "serve", "config", "config rotate-key", "user add", "user remove", "token create", "ls", "verify", "fetch",
            "rebuild", "version"} <= seen
    assert run(world, "--check-arguments", "ls", "--no-such-flag").returncode == 2


def test_lists_are_json_for_scripts(world):
    hub, server, digests = serve_files(world)

    def lines(*arguments, code=0):
        return [json.loads(line) for line in
                command(world, server, *arguments, "--json", code=code, out=True).splitlines()]

    blobs = lines("ls")
    assert {blob["digest"] for blob in blobs} == set(digests.values())
    assert all(blob["size"] <= blob["on_disk"] and blob["used"] > 1e9 and blob["pinned"] is False
               for blob in blobs)
    assert lines("verify") == [{"checked": 3, "wrong": 0, "refetched": 0}]
    (server.data / "blobs" / "sha256" / digests["one.bin"][7:9] / digests["one.bin"][9:]).unlink()
    assert lines("verify", code=1) == [{"digest": digests["one.bin"], "is": "missing", "refetched": True},
                                       {"checked": 3, "wrong": 1, "refetched": 1}]
    assert lines("gc") == [{"blobs": 0, "entries": 0}]
    command(world, server, "user", "add", "ci", "--generate")
    assert ("ci", "downloader") in [(user["name"], user["role"]) for user in lines("user", "list")]
    command(world, server, "token", "create", "build-1", "--account", "ci")
    assert [(token["account"], token["expires"]) for token in lines("token", "list")] == [("ci", None)]
    assert server.stop() == 0
