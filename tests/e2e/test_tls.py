"""TLS in the server, with real clients and the certificate of a real file."""
import os
import socket
import ssl

from harness import MIB, get, sha256, wait_until

FILE = "/org/model/resolve/main/big.bin"
SILENT = 400
MOST_OF_SILENT = 24 * 1024  # bytes; with a state of TLS it is 44 KiB and more


def certificate(world, name="localhost"):
    """Makes a certificate that vouches for itself; returns its file and that of its key."""
    cert, key = world.folder / "server.pem", world.folder / "server.key"
    world.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
              "-nodes", "-days", "2", "-subj", f"/CN={name}",
              "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
              "-keyout", world.folder / "new.key", "-out", world.folder / "new.pem")
    os.replace(world.folder / "new.key", key)
    os.replace(world.folder / "new.pem", cert)
    return cert, key


def secured(world):
    """A Hub, a server that listens for TLS too, its URL there, and its certificate."""
    hub = world.hub("--big", f"big.bin:{20 * MIB + 77}")
    cert, key = certificate(world)
    server = world.server(hub, env={"HUBCACHE_SERVER_TLS_LISTEN": "127.0.0.1:0",
                                    "HUBCACHE_SERVER_TLS_CERTIFICATE": str(cert),
                                    "HUBCACHE_SERVER_TLS_KEY": str(key)})
    port = server.wait_for(r"listening address=127\.0\.0\.1:(\d+) protocol=https\s")[1]
    return hub, server, f"https://localhost:{port}", cert


def shown(origin):
    """The common name of the certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", int(origin.rsplit(":", 1)[1])), timeout=20) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            text = ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))
    return text


def test_who_only_connects_takes_no_memory(world):
    _, server, origin, _ = secured(world)
    shown(origin)
    before = server.anonymous_memory()
    where = ("127.0.0.1", int(origin.rsplit(":", 1)[1]))
    silent = [socket.create_connection(where, timeout=20) for _ in range(SILENT)]
    descriptors = f"/proc/{server.process.pid}/fd"
    wait_until(lambda: len(os.listdir(descriptors)) > SILENT, "all are connected")
    shown(origin)  # they came before
    grown = server.anonymous_memory() - before
    assert grown < SILENT * MOST_OF_SILENT, f"{grown / SILENT:.0f} bytes each"
    for client in silent:
        client.close()


def test_curl_and_the_python_client_download_in_tls(world):
    hub, server, origin, cert = secured(world)
    truth = get(hub.url + FILE).body
    for state in ("cold", "stored"):
        target = world.folder / state
        world.run("curl", "-sSf", "--cacert", cert, "-o", target, f"{origin}/pulp/content/hf{FILE}")
        assert target.read_bytes() == truth, state
        if state == "cold":
            wait_until(server.stored, "it is stored")
    tail = world.run("curl", "-sSf", "--cacert", cert, "-r", "-1000",
                     f"{origin}/pulp/content/hf{FILE}").stdout
    assert tail == truth[-1000:]

    code, out, error = world.python(
        "2.4", "from huggingface_hub import hf_hub_download as d; print(d('org/model', 'big.bin'))",
        f"{origin}/pulp/content/hf",
        env={"SSL_CERT_FILE": str(cert), "REQUESTS_CA_BUNDLE": str(cert), "no_proxy": "localhost",
             "HF_HUB_DISABLE_XET": "1"})  # hf_xet trusts the certificates of the system alone
    assert code == 0, error
    assert sha256(out.splitlines()[-1].removeprefix("path: ")) == sha256(truth)


def test_links_are_https_and_plain_http_is_told_so(world):
    hub, _, origin, cert = secured(world)
    hub.control("behaviour", {"tree_page": 3})
    tree = "/pulp/content/hf/api/models/org/model/tree/main?recursive=true"
    head = world.run("curl", "-sSfI", "--cacert", cert, origin + tree).stdout.decode()
    assert f"<{origin}/pulp/content/hf/api/models/org/model/tree/main?" in head, head
    plain = get(origin.replace("https", "http") + "/healthz")
    assert plain.status == 400 and b"https://" in plain.body


def test_a_certificate_that_changed_is_shown_without_a_restart(world):
    _, server, origin, cert = secured(world)
    assert shown(origin) == cert.read_text()
    certificate(world, "renewed")
    wait_until(lambda: shown(origin) == cert.read_text(), "the new one is shown")
    server.wait_for("certificate reloaded")
    cert.write_text("no certificate")
    before = shown(origin)
    wait_until(lambda: shown(origin) == before and "certificate not reloaded" in server.text(),
               "what cannot be used is told, and changes nothing")


def test_a_start_without_a_certificate_says_what_is_missing(world):
    cert, key = certificate(world)
    key.write_text("no key")
    for env, said in (({}, "server.tls_certificate"),
                      ({"HUBCACHE_SERVER_TLS_CERTIFICATE": "none.pem"}, "server.tls_key"),
                      ({"HUBCACHE_SERVER_TLS_CERTIFICATE": "none.pem",
                        "HUBCACHE_SERVER_TLS_KEY": str(key)}, "none.pem cannot be used: No such file"),
                      ({"HUBCACHE_SERVER_TLS_CERTIFICATE": str(cert),
                        "HUBCACHE_SERVER_TLS_KEY": str(key)}, f"the key {key} cannot be used: ")):
        done = world.client([world.binary, "serve", "--data-dir", world.folder / "data",
                             "--listen", "127.0.0.1:0"], "http://unused",
                            env={"HUBCACHE_SERVER_TLS_LISTEN": "127.0.0.1:0", **env})
        assert done[0] != 0 and said in done[2], done
