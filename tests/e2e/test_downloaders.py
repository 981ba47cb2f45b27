"""aria2, wget and curl: whole files, parts, resumed files; and what they cost upstream."""
from harness import MIB, get, sha256

BIG = "/org/model/resolve/main/big.bin"
SIZE = 50 * MIB


def test_aria2_with_16_connections_shares_one_download(world):
    hub = world.hub("--big", f"big.bin:{SIZE}")
    server = world.server(hub)
    digest = get(server.endpoint + BIG, method="HEAD").headers["ETag"].strip('"')
    hub.forget()
    for name in ("cold", "warm"):
        world.run("aria2c", "-q", "--no-conf", "-x16", "-s16", "-k1M", "--file-allocation=none",
                  "-d", world.folder, "-o", name, server.endpoint + BIG)
        assert sha256(world.folder / name) == digest
        sent = sum(r["body_bytes"] for r in hub.requests(host="cdn"))
        # Each connection for itself would be up to 16 times; what was under way when ranges were
        # shared out anew is lost.
        assert SIZE <= sent < 2 * SIZE, f"{sent / SIZE:.2f} times the file came from upstream"
    hub.stop()
    world.run("aria2c", "-q", "--no-conf", "-x16", "-s16", "-k1M", "--file-allocation=none",
              "-d", world.folder, "-o", "alone", server.endpoint + BIG)
    assert sha256(world.folder / "alone") == digest


def test_wget_and_curl_download_it_all_and_resume_where_they_were_cut(world):
    hub = world.hub("--big", f"big.bin:{SIZE}")
    server = world.server(hub)
    whole = world.folder / "whole"
    world.run("wget", "-q", "-O", whole, server.endpoint + BIG)
    digest = get(server.endpoint + BIG, method="HEAD").headers["ETag"].strip('"')
    assert sha256(whole) == digest
    hub.stop()
    alone = world.folder / "alone"
    world.run("wget", "-q", "-O", alone, server.endpoint + BIG)
    assert sha256(alone) == digest
    for name, *command in (("by-wget", "wget", "-q", "-c", "-O"),
                           ("by-curl", "curl", "-sS", "-f", "-C", "-", "-o")):
        part = world.folder / name
        part.write_bytes(whole.read_bytes()[:20 * MIB + 7])
        world.run(*command, part, server.endpoint + BIG)
        assert sha256(part) == digest, name


def test_wget_takes_a_name_with_spaces_and_says_what_is_missing(world):
    hub = world.hub()
    server = world.server(hub)
    base = server.endpoint + "/org/model/resolve/main/"
    for _ in ("cold", "warm"):
        done = world.run("wget", "-q", "-O", "-", base + "nested/a%20folder/caf%C3%A9%20au%20lait.txt")
        assert done.stdout == "caf\xe9\n".encode()
        assert world.run("wget", "-q", "-O", "-", base + "empty.txt").stdout == b""
        missing = world.run("wget", "-O", "-", base + "nope", check=False)
        assert missing.returncode == 8 and b"404" in missing.stderr


def test_curl_gets_parts_and_conditions(world):
    hub = world.hub()
    server = world.server(hub)
    url = server.endpoint + "/org/model/resolve/main/model.safetensors"
    whole = get(url).body
    status = ("-s", "-o", "/dev/null", "-w", "%{http_code}")
    for part, want in (("0-99", whole[:100]), ("-100", whole[-100:]), ("1000-", whole[1000:])):
        assert world.run("curl", "-sS", "-r", part, url).stdout == want, part
    assert world.run("curl", *status, "-r", f"{len(whole)}-", url).stdout == b"416"
    etag = get(url, method="HEAD").headers["ETag"]
    assert world.run("curl", *status, "-H", f"If-None-Match: {etag}", url).stdout == b"304"
    head = world.run("curl", "-sI", url).stdout.decode()
    assert f"Content-Length: {len(whole)}" in head and "Accept-Ranges: bytes" in head
