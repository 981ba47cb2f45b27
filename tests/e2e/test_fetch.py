"""`hubcache fetch`: what is asked for is stored, pinned and readable, whatever came between."""
import json
import os
import pathlib
import re
import signal
import struct
import subprocess

from harness import MIB, command, get, longer, wait_until

GOOD = "hf_good"


class Run:
    """A fetch that may be under way."""

    def __init__(self, world, data, *arguments, token=None):
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(("HUBCACHE_", "HF_")) and not k.lower().endswith("_proxy")}
        if token:
            environment["HF_TOKEN"] = token
        self.process = subprocess.Popen(
            [str(world.binary), "fetch", *arguments, "--data-dir", str(data)], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        world.processes.append(Ended(self.process))

    def end(self, code=0, seconds=600):
        out, err = self.process.communicate(timeout=seconds)
        assert self.process.returncode == code, (self.process.returncode, out[-3000:], err[-3000:])
        return out, err


class Ended:
    """As world ends what a test left behind."""

    def __init__(self, process):
        self.process, self.pid = process, process.pid
        self.log = pathlib.Path("fetch")


def fetch(world, server, *arguments, code=0, token=None):
    return Run(world, server.data, *arguments, token=token).end(code)


def events(out):
    return [json.loads(line) for line in out.splitlines()]


def hub_of_many(world, count, big):
    """A Hub with a repo of many small files and a big one."""
    scenario = world.folder / "many.json"
    scenario.write_text(json.dumps([{"do": "repo", "id": "org/many", "files": [
        {"path": f"data/{i:04}.txt", "content": f"number {i}\n"} for i in range(count)] + [
            {"path": "big.bin", "size": big, "seed": 9, "lfs": True}]}]))
    return world.hub("--scenario", scenario, seconds=300)  # it hashes all of it first


def small_asked(hub):
    return sum(r["status"] == 200 for r in hub.requests(host="hub", method="GET", part="/data/"))


def durable(server):
    """How much the maps of large files say of a kill will not take (src/store/map_record.h)."""
    blocks = set()
    for part in (server.data / "fills").glob("sha256-*.map"):
        records = part.read_bytes()
        for _, first, count, _ in struct.iter_unpack("<IIII", records[:len(records) // 16 * 16]):
            blocks.update((part.name, first + i) for i in range(count))
    return len(blocks) * MIB


def held_fetch(world, hub, server, offset):
    """A fetch that waits in the big file, and what comes before `offset` is safely stored."""
    hub.fault(kind="hold", host="cdn", match="big.bin", after=offset)
    run = Run(world, server.data, "org/many", "--jobs", "4")
    # Blocks that the hold has split stay open.
    wait_until(lambda: durable(server) >= offset - 8 * MIB, "all of it that comes is durable", 420)
    wait_until(lambda: len(server.stored()) > 20, "some small files are stored", 120)
    return run


@longer
def test_a_fetch_goes_on_from_where_it_was_interrupted(world):
    count, big, kept = (2_500, 2048 * MIB, 1536 * MIB) if world.full else (120, 96 * MIB, 64 * MIB)
    hub = hub_of_many(world, count, big)
    server = world.server(hub)
    run = held_fetch(world, hub, server, kept)
    run.process.send_signal(signal.SIGINT)
    out, err = run.end(code=130)
    assert "interrupted" in err and "the same command again goes on from here" in err, err

    # ... and then the server is killed, too.
    server.stop(signal.SIGKILL)
    hub.clear_faults()
    hub.forget()
    before = len(server.stored())
    server = world.server(hub)
    out, _ = fetch(world, server, "org/many", "--json", "--jobs", "4")
    end = events(out)[-1]
    assert end["files"] == count + 1 and end["failed_files"] == 0 and end["exit_code"] == 0, end
    assert end["stored_files"] >= before and end["bytes"] >= big
    again = hub.body_bytes("big.bin")
    assert again <= big - kept + 8 * MIB, f"{again} bytes of {big} came again"
    # What the kill took of the proofs is asked for again; no more than that.
    assert small_asked(hub) <= count - before + 60, (small_asked(hub), before)

    blobs = [json.loads(line) for line in command(world, server, "ls", "--json").splitlines()]
    assert len(blobs) == count + 1 and all(blob["pinned"] for blob in blobs)
    # Now nothing of it needs the Hub.
    hub.forget()
    out, _ = fetch(world, server, "org/many", "--json")
    assert events(out)[-1]["fetched_files"] == 0 and hub.body_bytes() == 0
    right = get(hub.url + "/org/many/resolve/main/big.bin", {"Range": "bytes=1000-2000"}).body
    hub.stop()
    assert get(server.endpoint + "/org/many/resolve/main/big.bin",
               {"Range": "bytes=1000-2000"}).body == right
    assert get(server.endpoint + "/org/many/resolve/main/data/0007.txt").body == b"number 7\n"


def test_without_a_server_the_command_does_it_itself(world):
    hub = hub_of_many(world, 30, 96 * MIB)
    server = world.server(hub)
    assert server.stop() == 0
    run = held_fetch(world, hub, server, 64 * MIB)
    out, _ = subprocess.Popen([str(world.binary), "ls", "--json", "--data-dir", str(server.data)],
                              stdout=subprocess.PIPE, text=True).communicate(timeout=60)
    assert len(out.splitlines()) > 20, "other commands go through the one that has the directory"
    run.process.send_signal(signal.SIGINT)
    run.end(code=130)
    hub.clear_faults()
    hub.forget()
    out, _ = fetch(world, server, "org/many", "--json")
    assert events(out)[-1]["files"] == 31
    assert hub.body_bytes("big.bin") <= 33 * MIB, hub.body_bytes("big.bin")
    hub.stop()
    server = world.server(hub.url)
    assert get(server.endpoint + "/org/many/resolve/main/data/0007.txt").body == b"number 7\n"
    assert server.stop() == 0


def test_what_is_fetched_with_a_token_is_read_by_nobody_without_a_right(world):
    hub = world.hub()
    server = world.server(hub)
    file = "/org/gated/resolve/main/model.safetensors"
    _, err = fetch(world, server, "org/gated", code=3)
    assert f"ask for access at {hub.url}/org/gated" in err and "HF_TOKEN" in err, err
    _, err = fetch(world, server, "org/gated", code=3, token="hf_other")
    assert "the account of the token" in err, err
    assert server.stored() == []

    fetch(world, server, "org/gated", token=GOOD)
    wait_until(lambda: len(server.stored()) == 4, "all files of it are stored")
    hub.forget()
    assert get(server.endpoint + file).status == 401
    assert get(server.endpoint + file, {"Authorization": "Bearer hf_other"}).status == 403
    assert get(server.endpoint + file, {"Authorization": f"Bearer {GOOD}"}).status == 200
    assert hub.body_bytes("model.safetensors") == 0
    assert GOOD not in server.text() and GOOD not in (world.folder / "hubsim.log").read_text()


def test_a_list_globs_and_a_dry_run(world):
    hub = world.hub()
    server = world.server(hub)
    wanted = world.folder / "team.txt"
    wanted.write_text("# the team's\norg/model@v1.0\n\ndataset:org/dataset  # all of it\n")
    out, _ = fetch(world, server, "--from", str(wanted), "gpt2", "--include", "*.json", "--include", "data/*",
                   "--exclude", "*.csv", "--dry-run", "--json")
    files = {(e["repo"], e["path"]): e for e in events(out) if e["event"] == "file"}
    assert set(files) == {("gpt2", "config.json"), ("org/model", "config.json"), ("org/dataset", "data/train.bin")}
    assert files["org/dataset", "data/train.bin"]["is"] == "missing"
    assert files["org/dataset", "data/train.bin"]["size"] == 2 * MIB + 1
    assert events(out)[-1]["bytes"] == sum(e["size"] for e in files.values())
    assert server.stored() == [] and hub.body_bytes("train.bin") == 0

    fetch(world, server, "datasets/org/dataset", "--include", "*.bin", "--no-pin")
    out, _ = fetch(world, server, "datasets/org/dataset", "--dry-run")
    assert re.search(r"datasets/org/dataset@main \([0-9a-f]{8}\): 4 files, 2.0 MiB; 1 of them", out), out
    assert re.search(r"to fetch +\d+ B  README.md", out) and "train.bin" not in out
    assert out.splitlines()[-1].startswith("to fetch: 3 files"), out
    blobs = [json.loads(line) for line in command(world, server, "ls", "--json").splitlines()]
    assert [blob["pinned"] for blob in blobs] == [False]


def test_errors_say_what_to_do(world):
    hub = world.hub()
    server = world.server(hub)
    _, err = fetch(world, server, "org/none", code=3)
    assert "org/none@main" in err and "check name and type" in err, err
    _, err = fetch(world, server, "org/model@nope", code=3)
    assert f"look for its revisions at {hub.url}/org/model" in err, err
    _, err = fetch(world, server, code=2)
    assert "no repository is named" in err
    _, err = fetch(world, server, "a/b/c", code=2)
    assert "names no repository" in err
    _, err = fetch(world, server, "gpt2", "--from", "/no/such/list", code=2)
    assert "/no/such/list cannot be read" in err
    _, err = fetch(world, server, "gpt2", "--distribution", "other", code=1)
    assert "--distribution takes one of: hf" in err, err
    # One that fails does not keep the others.
    out, err = fetch(world, server, "org/none", "gpt2", "--distribution", "hf", code=3)
    assert "fetched 3 files" in out, out
    hub.stop()
    _, err = fetch(world, server, "org/model", code=4)
    assert f"{hub.url}" in err and "can be reached from here" in err, err
    assert server.stop() == 0
    _, err = Run(world, world.folder / "nowhere", "gpt2").end(code=1)
    assert "run `hubcache serve` first" in err, err


def test_a_terminal_shows_bars(world):
    hub = hub_of_many(world, 30, 12 * MIB)
    server = world.server(hub)
    hub.fault(kind="hold", host="cdn", match="big.bin", after=6 * MIB + 1000)
    tmux = ["tmux", "-L", f"hubcache-{os.getpid()}", "-f", "/dev/null"]
    line = f"{world.binary} fetch org/many --data-dir {server.data}; echo ended with $?; sleep 60"
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}

    def screen():
        return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True).stdout

    try:
        subprocess.run([*tmux, "new-session", "-d", "-x", "100", "-y", "20", line], env=environment, check=True)
        wait_until(lambda: re.search(r"^big.bin .*50%  +6.0 MiB of 12 MiB", screen(), re.M), "the file's bar")
        wait_until(lambda: re.search(r"^30 of 31 files +█", screen(), re.M), "the bar of all")
        shown = screen()
        assert len([row for row in shown.splitlines() if row.strip()]) == 3, shown
        hub.release()
        wait_until(lambda: "ended with 0" in screen(), "the end")
        rows = [row for row in screen().splitlines() if row.strip()]
        assert re.match(r"org/many@main \([0-9a-f]{8}\): 31 files, 12 MiB$", rows[0]), rows
        assert re.match(r"fetched 31 files \(12 MiB\) in 0:\d\d, \S+ .iB/s; none here before$", rows[1]), rows
        assert rows[2:] == ["ended with 0"], rows
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True)


def test_without_a_terminal_each_file_has_a_plain_line_when_it_is_there_and_the_end_has_one(world):
    hub = world.hub()
    hub.control("repo", {"id": "org/plain", "files": [
        {"path": "big.bin", "size": 3 * MIB, "seed": 5, "lfs": True},
        {"path": "a.txt", "content": "of eleven b"}, {"path": "deep/er/b.json", "content": "x" * 2000}]})
    server = world.server(hub)
    hub.fault(kind="hold", host="cdn", match="big.bin", after=MIB)
    run = world.run_program("fetch", [world.binary, "fetch", "org/plain", "--data-dir", server.data])

    def lines(text):  # without how far it is, which is told every 30 seconds
        return [row for row in text.splitlines() if not re.match(r"  \d+ of 3 files, ", row)]

    small = ["  fetched       11 B  a.txt", "  fetched    2.0 KiB  deep/er/b.json"]
    run.wait_for(r"a\.txt\n", seconds=60)
    run.wait_for(r"b\.json\n", seconds=60)
    first, *rest = lines(run.text())
    assert re.fullmatch(r"org/plain@main \([0-9a-f]{8}\): 3 files, 3\.0 MiB", first), first
    assert sorted(rest) == small, rest
    hub.release()
    assert run.process.wait(60) == 0
    *before, big, end = lines(run.text())
    assert [before[0], *sorted(before[1:])] == [first, *small], before
    assert big == "  fetched    3.0 MiB  big.bin"
    assert re.fullmatch(r"fetched 3 files \(3\.0 MiB\) in \d+:\d\d, \S+ [KM]iB/s; none here before", end), end
    assert not re.search(r"[^\x20-\x7e\n]", run.text()), "no bars, nothing that moves a cursor"

    # What was there has no line of its own, and what fails has its line on standard error.
    hub.control("repo", {"id": "org/broken", "files": [{"path": "c.bin", "size": MIB, "seed": 6, "lfs": True}]})
    hub.fault(kind="status", host="hub", match="c.bin", status=404, headers={"X-Error-Code": "EntryNotFound"})
    out, err = fetch(world, server, "org/plain", "org/broken", code=3)
    assert re.fullmatch(
        r"org/plain@main \([0-9a-f]{8}\): 3 files, 3\.0 MiB; 3 of them \(3\.0 MiB\) here\n"
        r"org/broken@main \([0-9a-f]{8}\): 1 file, 1\.0 MiB\n"
        r"fetched 0 files \(0 B\) in \d+:\d\d, 0 B/s; 3 files here before\n", out), out
    assert re.fullmatch(r"hubcache: org/broken@main: c\.bin: \S.*\nhubcache: 1 file failed\n"
                        r"hubcache: the same command again goes on from here\n", err), err
    out, err = fetch(world, server, "org/plain", "org/broken", "--quiet", code=3)
    assert out == "" and len(err.splitlines()) == 3, (out, err)


def test_a_signal_ends_a_fetch_that_the_server_does_not_answer(world):
    server = world.server(world.hub())
    os.kill(server.pid, signal.SIGSTOP)
    try:
        run = Run(world, server.data, "org/model")

        def is_listening():  # for signals
            status = pathlib.Path(f"/proc/{run.process.pid}/status").read_text()
            blocked = int(re.search(r"^SigBlk:\s+(\w+)$", status, re.MULTILINE)[1], 16)
            return blocked >> (signal.SIGINT - 1) & 1
        wait_until(is_listening, "it waits for signals")
        run.process.send_signal(signal.SIGINT)
        _, err = run.end(code=130, seconds=60)
        assert "interrupted" in err, err
    finally:
        os.kill(server.pid, signal.SIGCONT)
