"""What an operator sees: a scrape, the dashboard and the alert rules made for it, and `hubcache status`."""
import json
import pathlib
import re
import shutil
import subprocess
import time
import types

from harness import MIB, command, free_port, get, wait_until

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
HERE = pathlib.Path(__file__).resolve().parent


def promtool(*arguments, text=""):
    program = shutil.which("promtool")
    assert program, "promtool is missing: scripts/deps --test installs it"
    done = subprocess.run([program, *map(str, arguments)], input=text, capture_output=True,
                          text=True, timeout=60)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def used_server(world):
    """A server that a file, cold and warm, a HEAD, an absent file and the API were asked of."""
    hub = world.hub()
    hub.control("repo", {"id": "org/seen", "files": [
        {"path": "a.bin", "size": 3 * MIB, "seed": 5, "lfs": True}]})
    port = free_port()
    server = world.server(hub, env={"HUBCACHE_SERVER_METRICS_LISTEN": f"127.0.0.1:{port}"})
    url = f"{server.endpoint}/org/seen/resolve/main/"
    assert get(url + "a.bin").status == 200
    wait_until(lambda: len(server.stored()) == 1, "it is stored")
    assert get(url + "a.bin").status == 200
    assert get(url + "a.bin", method="HEAD").status == 200
    assert get(url + "b.bin").status == 404
    assert server.rest("GET", "/pulp/api/v3/remotes/hugging_face/hugging-face/").status == 200
    return server, f"http://127.0.0.1:{port}/metrics"


def names_in(text):
    """Metrics that an expression, or many, speak of."""
    return set(re.findall(r"\b(?:hubcache|process)_[a-z_]+[a-z]\b", text))


def check_expressions(world, dashboard):
    """As rules that record something: promtool knows no dashboards."""
    rules = []
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in (("$__rate_interval", "5m"), ("$__range", "6h"), ("$instance", ".*")):
                expression = expression.replace(variable, value)
            rules.append({"record": f"panel:{panel['id']}:{target['refId']}", "expr": expression})
    file = world.folder / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # JSON is YAML
    assert "SUCCESS" in promtool("check", "rules", file)


def test_security_rule_23_metrics_need_a_login_or_a_listener_of_their_own(world):
    server, own = used_server(world)
    shared = server.origin + "/metrics"
    assert get(shared).status == 401
    generated = command(world, server, "user", "add", "prometheus", "--generate")
    token = command(world, server, "token", "create", "scraper", "--account", "prometheus")
    assert len(generated) >= 8
    scraped = get(shared, {"Authorization": f"Bearer {token}"})
    assert scraped.status == 200 and b"hubcache_build_info" in scraped.body
    assert get(own).status == 200
    text = get(own).body.decode()
    for secret in ("org/seen", "a.bin", "127.0.0.1", "prometheus\"", "admin"):
        assert secret not in text


def test_every_metric_of_the_dashboard_and_the_alerts_is_in_a_scrape(world):
    server, url = used_server(world)
    scrape = get(url).body.decode()
    assert promtool("check", "metrics", text=scrape) == ""
    there = set(re.findall(r"^([a-z_]+)[{ ]", scrape, re.M))
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    shown = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            used = names_in(target["expr"])
            assert used, panel["title"]
            shown |= used
    check_expressions(world, dashboard)
    rules = (DOCS / "alerts.yml").read_text()
    alerted = names_in(rules)
    assert len(shown) > 25 and len(alerted) > 8
    assert not (shown | alerted) - there, f"not in a scrape: {(shown | alerted) - there}"
    families = set(re.findall(r"^# TYPE ([a-z_]+)", scrape, re.M))
    documented = names_in((DOCS / "operations.md").read_text())
    ours = {name for name in families if name.startswith("hubcache_")}
    assert ours <= documented, f"not in docs/operations.md: {ours - documented}"


def test_promtool_accepts_the_alert_rules_and_they_fire_when_they_have_to(world):
    assert "SUCCESS" in promtool("check", "rules", DOCS / "alerts.yml")
    folder = world.folder / "rules"
    folder.mkdir()
    shutil.copy(DOCS / "alerts.yml", folder)
    shutil.copy(HERE / "alerts_test.yml", folder)
    assert "SUCCESS" in promtool("test", "rules", folder / "alerts_test.yml")
    alerts = re.findall(r"alert: (\w+)", (DOCS / "alerts.yml").read_text())
    tested = (HERE / "alerts_test.yml").read_text()
    fire = re.findall(r"alertname: (\w+)\n +exp_alerts:\n +- exp_labels:", tested)
    do_not = re.findall(r"alertname: (\w+), exp_alerts: \[\]\}", tested)
    assert len(alerts) > 10 and set(fire) == set(do_not) == set(alerts), (
        set(alerts) - set(fire), set(alerts) - set(do_not))


def test_the_start_of_the_process_is_told_where_proc_is_of_processes_only(world):
    script = 'mount --bind /dev/null /proc/stat && exec "$@"'  # as with ProcSubset=pid of the unit
    port = free_port()
    before = time.time()
    world.server(world.hub(), within=["unshare", "-rm", "sh", "-c", script, "sh"],
                 env={"HUBCACHE_SERVER_METRICS_LISTEN": f"127.0.0.1:{port}"})
    text = get(f"http://127.0.0.1:{port}/metrics").body.decode()
    began = float(re.search(r"^process_start_time_seconds (\S+)$", text, re.MULTILINE)[1])
    assert before - 5 < began < time.time() + 5


def test_status_says_how_the_server_is_and_by_its_exit_code_whether_there_is_one(world):
    server, url = used_server(world)
    text = command(world, server, "status")
    assert text.startswith("hubcache ") and " runs for " in text
    assert re.search(r"reads +\d+ from memory, \d+ from disk, 0 partial, 1 missed, 0 passed", text)
    assert re.search(r"sent +3\.0 MiB from the cache, 3\.0 MiB from upstream", text)
    assert re.search(r"upstream +answers; \d+ requests, 0 without an answer", text)
    status = json.loads(command(world, server, "status", "--json"))
    scrape = get(url).body.decode()

    def metric(name):
        return sum(float(line.split()[-1]) for line in scrape.splitlines()
                   if re.match(re.escape(name) + r"(\{|,| )", line))

    assert status["running"] and status["blobs"] == {"count": 1, "bytes": 3 * MIB}
    assert status["hits"]["miss"] == metric('hubcache_hits_total{kind="miss"}') == 1
    assert status["sent_bytes"]["cache"] == metric('hubcache_sent_bytes_total{source="cache"}')
    assert status["upstream"]["requests"] == metric("hubcache_upstream_requests_total")
    assert status["disk"]["used"] == metric("hubcache_store_used_bytes")
    api = server.rest("GET", "/pulp/api/v3/status/").json()
    assert api["storage"]["total"] == status["disk"]["filesystem"]["total"] \
        == metric("hubcache_filesystem_size_bytes")
    assert server.stop() == 0
    text = command(world, server, "status", code=3, out=True)
    assert text.startswith("no server runs on ") and "1, 3.0 MiB" in text
    assert json.loads(command(world, server, "status", "--json", code=3, out=True))["running"] is False
    nowhere = types.SimpleNamespace(data=server.data / "none")
    missing = command(world, nowhere, "status", code=1)
    assert "there is no hubcache data" in missing
