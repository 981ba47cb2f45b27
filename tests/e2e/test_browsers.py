"""A real browser (headless Chromium): a page of another site reads models through hubcache with
transformers.js, and nothing that a repository holds is run."""
import functools
import http.server
import json
import queue
import shutil
import threading

from harness import get

# It opens what it is told to, and nothing of its maker's.
CHROMIUM = ("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-sync",
            "--disable-component-update", "--no-default-browser-check",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
TRANSFORMERS = """<!doctype html><meta charset="utf-8"><script type="module">
const tell = (what) => fetch("/told", {method: "POST", body: JSON.stringify(what)});
try {
  const {AutoConfig, AutoTokenizer, env} = await import("/transformers.min.js");
  env.remoteHost = "ENDPOINT/";
  env.allowLocalModels = false;
  env.useBrowserCache = false;
  const config = await AutoConfig.from_pretrained("org/model");
  const tokenizer = await AutoTokenizer.from_pretrained("org/model");
  const head = await fetch("ENDPOINT/org/model/resolve/main/model.safetensors",
                           {headers: {Range: "bytes=0-9"}});
  tell([config.model_type, config.hidden_size, tokenizer.encode("hello world !"), head.status,
        head.headers.get("Content-Range"), (await head.arrayBuffer()).byteLength]);
} catch (failure) {
  tell("! " + failure);
}
</script>"""
PRIVATE = """<!doctype html><script type="module">
const tell = (what) => fetch("/told", {method: "POST", body: JSON.stringify(what)});
const read = (headers) => fetch("ENDPOINT/org/private/resolve/main/config.json", {headers})
  .then((answer) => answer.status, () => "kept from the page");
tell([await read({}), await read({Authorization: "Bearer hf_good"})]);
</script>"""
# What runs says so, from wherever it came.
EVIL = "fetch('SITE/told', {method: 'POST', mode: 'no-cors', body: JSON.stringify('ran: ' + WHAT)})"
FRAMES = """<!doctype html><body><script type="module">
const tell = (what) => fetch("/told", {method: "POST", body: JSON.stringify(what)});
const load = (tag, src) => new Promise((done) => {
  const element = document.createElement(tag);
  element.onload = () => done("loaded");
  element.onerror = () => done("refused");
  element.src = src;
  document.body.append(element);
});
const imported = (src) => import(src).then(() => "loaded", () => "refused");
const repo = "ENDPOINT/spaces/org/evil/resolve/main/";
const told = [await load("script", repo + "evil.js"), await imported(repo + "evil.js"),
              await load("iframe", repo + "evil.html"), await load("iframe", "/evil.html"),
              await load("script", "/evil.js")];
setTimeout(() => tell(told), 500);  // what a frame has to say is on its way by then
</script>"""


class Site:
    """Another origin: pages, and what they tell."""

    def __init__(self, world):
        self.folder = world.folder / "site"
        self.folder.mkdir()
        self.told = told = queue.Queue()

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_POST(self):
                told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        handler = functools.partial(Handler, directory=str(self.folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, name, text, server):
        (self.folder / name).write_text(text.replace("ENDPOINT", server.endpoint))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def open_page(world, site, url, answers):
    """Opens it in a browser with a profile of its own; what the pages told, until `answers` says
    that this was it."""
    profile = world.folder / f"profile{len(world.processes)}"
    browser = world.run_program(profile.name, [*CHROMIUM, f"--user-data-dir={profile}", url])
    told = []
    try:
        while not told or not answers(told[-1]):
            told.append(site.told.get(timeout=90))
    except queue.Empty:
        raise AssertionError(f"{url} told only {told}") from None
    finally:
        browser.stop()
    return told


def test_a_page_of_another_site_with_transformers_js(world):
    hub = world.hub()
    server = world.server(hub)
    site = Site(world)
    packages = world.node / "transformers" / "node_modules"
    shutil.copy(packages / "@huggingface/transformers/dist/transformers.min.js", site.folder)
    site.add("page.html", TRANSFORMERS, server)
    site.add("private.html", PRIVATE, server)
    want = ["bert", 32, [1, 2, 3], 206, f"bytes 0-9/{20 * 1024 * 1024 + 216}", 10]
    for _ in ("cold", "warm"):
        assert open_page(world, site, site.url + "/page.html", bool) == [want]
    hub.stop()
    assert open_page(world, site, site.url + "/page.html", bool) == [want]
    site.close()


def test_a_page_reads_by_a_token_where_its_site_may(world):
    hub = world.hub()
    site = Site(world)
    for allowed, want in ((False, [401, "kept from the page"]), (True, [401, 200])):
        env = {"HUBCACHE_CONTENT_ALLOWED_ORIGINS": site.url} if allowed else {}
        server = world.server(hub, data=f"data{allowed}", env=env)
        site.add("private.html", PRIVATE, server)
        assert open_page(world, site, site.url + "/private.html", bool) == [want]
    site.close()


def test_nothing_that_a_repository_holds_is_run(world):
    hub = world.hub()
    server = world.server(hub)
    site = Site(world)

    def evil(what):
        return EVIL.replace("SITE", site.url).replace("WHAT", f"'{what}'")

    def page(what):
        return f"<!doctype html><script>{evil(what)}</script>"

    hub.control("repo", {"id": "org/evil", "type": "space", "files": [
        {"path": "evil.html", "content": page("a page of the repo")},
        {"path": "evil.js", "content": evil("a script of the repo")}]})
    site.add("frames.html", FRAMES, server)
    site.add("evil.html", page("a page of the site"), server)
    site.add("evil.js", evil("a script of the site"), server)
    told = open_page(world, site, site.url + "/frames.html", lambda said: isinstance(said, list))
    assert told[-1] == ["refused", "refused", "loaded", "loaded", "loaded"], told
    assert sorted(told[:-1]) == ["ran: a page of the site", "ran: a script of the site"], told

    # As a page of its own, where nothing of another site's stands around it.
    address = f"{server.endpoint}/spaces/org/evil/resolve/main/evil.html"
    shown = world.run(*CHROMIUM, f"--user-data-dir={world.folder / 'alone'}", "--dump-dom", address)
    assert b"&lt;script&gt;" in shown.stdout, shown.stdout
    assert site.told.empty()
    assert get(address).headers["Set-Cookie"] is None
    site.close()
