"""What the documentation says to type, typed: every block of `docs/` and the README that is marked as a
test (```sh test), page by page, in one shell for each, against a server whose hub is the simulated one.

A block of lines that begin with `$ ` also says what they print. Hosts, ids, times and tokens are a
server's own: `...` in what is printed stands for anything.
"""
import pathlib
import re

from harness import command, free_port, get, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(\S*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
END = "--- end of the block"
FILES = [{"path": "config.json", "content": '{"model_type": "gpt2"}\n'},
         {"path": "model.safetensors", "size": 3 << 20, "seed": 9, "lfs": True}]
REPOSITORIES = ({"id": "openai-community/gpt2", "files": FILES},
                {"id": "our-org/private-model", "private": True, "files": FILES})


def blocks(page):
    """The marked ones, as lists of (command, what it prints or None)."""
    for language, words, text in BLOCK.findall(page.read_text()):
        if language == "sh" and words.split() == ["test"]:
            yield steps(text)
        else:
            assert "test" not in words or language == "nginx", (page, language)


def steps(text):
    if not text.startswith("$ "):
        return [(text, None)]
    found = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        size = 1 + next(i for i, line in enumerate(lines) if not line.endswith("\\"))
        found.append(("\n".join(lines[:size]), "\n".join(lines[size:])))
    return found


def as_pattern(printed):
    """What may be printed where the page says this: other ids, and anything for `...`."""
    parts = re.split(rf"({UUID}|\.\.\.)", printed.strip())
    return "".join(UUID if re.fullmatch(UUID, part) else ".*" if part == "..." else re.escape(part)
                   for part in parts)


class Reader:
    """Has the server of the page, and types."""

    def __init__(self, world):
        self.world = world
        self.hub = world.hub()
        for repository in REPOSITORIES:
            self.hub.control("repo", repository)
        for token in ("hf_ours", "hf_new"):
            self.hub.control("token", {"token": token, "user": token,
                                       "repos": ["org/private", "our-org/private-model"]})
        self.server = world.server(self.hub)
        command(world, self.server, "user", "add", "anna", "--generate")

    def preface(self):
        programs = {"hubcache": self.world.binary,
                    "hf": self.world.venvs / "hfh-1.22" / "bin" / "hf",
                    "pulp": self.world.venvs / "pulp-cli" / "bin" / "pulp"}
        home = self.world.hf_home()
        return "".join([
            "set -e -o pipefail\n", *(f'{name}() {{ "{path}" "$@"; }}\n' for name, path in programs.items()),
            f"export HOME={home} HF_HOME={home} NO_COLOR=1 HF_HUB_DISABLE_TELEMETRY=1 no_proxy=127.0.0.1\n",
            f"export XDG_CONFIG_HOME={home} GIT_TERMINAL_PROMPT=0\n",
            f"export HUBCACHE_STORAGE_DATA_DIR={self.server.data}\n",
            f"mkdir -p {home}/work; cd {home}/work\n"])

    def filled(self, text):
        """Of this server, in place of the usual one."""
        port = str(self.server.port)
        for usual, here in (("127.0.0.1:8080", f"127.0.0.1:{port}"),
                            ("https://huggingface.co", self.hub.url),
                            ("/var/lib/hubcache", str(self.server.data)), ("hf_...", "hf_ours")):
            text = text.replace(usual, here)
        return text

    def read(self, page):
        every = [step for block in blocks(page) for step in block]
        script = self.preface() + "".join(
            f"{self.filled(typed)}\necho '{END}'\n" for typed, _ in every)
        done = self.world.run("bash", "-c", script, check=False)
        printed = done.stdout.decode().split(END + "\n")
        assert done.returncode == 0, (page.name, every[len(printed) - 1][0], printed[-1],
                                      done.stderr.decode()[-2000:])
        for (typed, expected), out in zip(every, printed):
            if expected is not None:
                expected = as_pattern(self.filled(expected))
                assert re.fullmatch(expected, out.replace("\r", "").strip(), re.DOTALL), (
                    page.name, typed, "prints", out, "and the page says", expected)
        return len(every)


def test_what_the_pages_say_to_type_works_as_they_say(world):
    typed = {}
    for page in PAGES:
        if any(blocks(page)):
            with type(world)(world.binary, world.hubsim_program, world.venvs, world.node) as its_world:
                try:
                    typed[page.name] = Reader(its_world).read(page)
                except Exception:
                    its_world.show_logs()
                    raise
    for page, least in {"README.md": 2, "guide.md": 15, "operations.md": 4, "install.md": 3,
                        "clients.md": 1, "commands.md": 2}.items():
        assert typed.get(page, 0) >= least, (page, typed)


def test_nginx_before_the_cache_is_set_up_as_the_page_has_it(world):
    page = (ROOT / "docs" / "operations.md").read_text()
    block, = (text for language, words, text in BLOCK.findall(page)
              if (language, words.strip()) == ("nginx", "test"))
    hub = world.hub()
    server = world.server(hub, env={"HUBCACHE_SERVER_EXTERNAL_URL": "https://hub.example.org",
                                    "HUBCACHE_SERVER_TRUSTED_PROXIES": "127.0.0.1"})
    world.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
              "-subj", "/CN=hub.example.org", "-addext", "subjectAltName=DNS:hub.example.org",
              "-keyout", world.folder / "key.pem", "-out", world.folder / "cert.pem")
    port = free_port()
    for usual, here in (("/etc/ssl/hub.example.org.pem", world.folder / "cert.pem"),
                        ("/etc/ssl/private/hub.example.org.key", world.folder / "key.pem"),
                        ("listen 443", f"listen 127.0.0.1:{port}"),
                        ("127.0.0.1:8080", f"127.0.0.1:{server.port}")):
        assert usual in block, usual
        block = block.replace(usual, str(here))
    (world.folder / "nginx.conf").write_text(
        f"daemon off; pid {world.folder}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {world.folder}/body;\n{block}}}\n")
    nginx = world.run_program("nginx", ["nginx", "-p", world.folder, "-c", world.folder / "nginx.conf"])
    wait_until((world.folder / "nginx.pid").exists, "nginx runs")
    origin = f"https://hub.example.org:{port}"

    def fetched(path, *more):
        return world.run("curl", "-sS", "-f", "--retry", "5", "--retry-connrefused", "--noproxy", "*",
                         "--resolve", f"hub.example.org:{port}:127.0.0.1", "--cacert",
                         world.folder / "cert.pem", *more, origin + path).stdout

    file = "/org/model/resolve/main/model.safetensors"
    for _ in range(2):
        assert fetched("/pulp/content/hf" + file) == get(hub.url + file).body
    assert b"https://hub.example.org/" in fetched("/pulp/content/hf/api/models?limit=1", "-i")
    nginx.stop()


def test_every_page_is_linked_and_every_link_leads_somewhere(_):
    linked = set()
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                found = (page.parent / target).resolve()
                assert found.exists(), (page.name, target)
                linked.add(found)
    assert not [page.name for page in PAGES if page not in linked and page.name != "README.md"]
