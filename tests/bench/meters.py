"""What scripts/bench measures with: load tools as clients, /proc for what a server uses."""
import os
import pathlib
import re
import statistics
import subprocess
import threading
import time

MIB = 1024 * 1024
GIB = 1024 * MIB
TICKS = os.sysconf("SC_CLK_TCK")


class Usage:
    """Processor seconds and the highest anonymous memory of a process and its children."""

    def __init__(self, pid):
        self.pids = [pid, *self._children(pid)]
        self.peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    @staticmethod
    def _children(pid):
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]

    def processor_seconds(self):
        ticks = 0
        for pid in self.pids:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def take_peak(self):
        """The highest RssAnon, in bytes, since the last call."""
        self._look()
        peak, self.peak = self.peak, 0
        return peak

    def _look(self):
        total = 0
        for pid in self.pids:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            anonymous = re.search(r"RssAnon:\s+(\d+)", status)
            if not anonymous:
                raise ProcessLookupError(f"process {pid} is ending")
            total += int(anonymous[1]) * 1024
        self.peak = max(self.peak, total)

    def _watch(self):
        while True:
            try:
                self._look()
            except OSError:  # the process has ended
                return
            time.sleep(0.05)


class Sample:
    """One turn of one server: its figure (more is better), and processor seconds for each unit of
    work that was done."""

    def __init__(self, figure, units, first_byte=None):
        self.figure, self.units, self.first_byte = figure, units, first_byte
        self.processor = None


def wrk(url, connections, seconds, header=None, script=()):
    """Requests a second; a unit is a request. `script`: one for wrk, and its arguments."""
    command = ["wrk", f"-t{os.cpu_count()}", f"-c{connections}", f"-d{seconds}s"]
    if header:
        command += ["-H", header]
    if script:
        command += ["-s", script[0]]
    out = subprocess.run([*command, url, *(["--", *script[1:]] if script else [])],
                         capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    return Sample(float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
                  int(re.search(r"(\d+) requests in", out)[1]))


def ab_head(url, connections, seconds):
    """As wrk(), with HEAD: wrk would wait for a body. By two processes, for one has one thread, which
    would be what is measured."""
    command = ["ab", "-q", "-i", "-k", f"-c{connections // 2}", f"-t{seconds}", "-n100000000", url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in running]
    assert all(process.returncode == 0 for process in running), said
    assert all(re.search(r"Failed requests:\s+0\n", out) and "Non-2xx" not in out for out in said), said
    return Sample(sum(float(re.search(r"Requests per second:\s+([\d.]+)", out)[1]) for out in said),
                  sum(int(re.search(r"Complete requests:\s+(\d+)", out)[1]) for out in said))


def curl(url, size, clients=1):
    """MiB a second until all clients have the whole file, and the first one's time to first byte;
    a unit is a GiB."""
    command = ["curl", "-sSfLk", "-o", "/dev/null", "-w", "%{time_starttransfer} %{size_download}"]
    began = time.monotonic()
    running = [subprocess.Popen([*command, url], stdout=subprocess.PIPE, text=True)
               for _ in range(clients)]
    said = [process.communicate()[0].split() for process in running]
    took = time.monotonic() - began
    assert all(process.returncode == 0 for process in running), said
    assert all(int(got) == size for _, got in said), said
    return Sample(clients * size / MIB / took, clients * size / GIB, float(said[0][0]))


def curl_ranges(url, size, count):
    """MiB a second of a file that one client takes in so many ranges at once; a unit is a GiB."""
    length = size // count
    took = curl_at_once([f'url = "{url}"\nrange = "{at}-{at + length - 1}"\n'
                         for at in range(0, length * count, length)], 206, length)
    return Sample(size / MIB / took, size / GIB)


def curl_files(urls, size):
    """MiB a second of files of that size that one client takes all at once; a unit is a GiB."""
    took = curl_at_once([f'url = "{url}"\n' for url in urls], 200, size)
    return Sample(len(urls) * size / MIB / took, len(urls) * size / GIB)


def curl_at_once(transfers, status, length):
    """The seconds until all these have ended, each with that status and so many bytes."""
    options = 'location\ninsecure\noutput = "/dev/null"\nwrite-out = "%{http_code} %{size_download}\\n"\n'
    began = time.monotonic()
    out = subprocess.run(["curl", "-sSfZ", "--parallel-immediate", "--parallel-max", str(len(transfers)),
                          "-K", "-"], input="next\n".join(one + options for one in transfers),
                         capture_output=True, text=True, check=True).stdout
    took = time.monotonic() - began
    assert out.split() == [str(status), str(length)] * len(transfers), out[-2000:]
    return took


class Row:
    """A comparison: rounds in which hubcache and its peer take turns."""

    def __init__(self, name, unit):
        self.name, self.unit, self.ours, self.theirs, self.memory = name, unit, [], [], 0

    def ratio(self):
        """The median of the rounds' ratios, and their range."""
        ratios = sorted(a.figure / b.figure for a, b in zip(self.ours, self.theirs))
        return statistics.median(ratios), ratios[0], ratios[-1]

    def first_byte(self):
        """How many milliseconds later than the peer's the first byte came: median and range."""
        delays = sorted((a.first_byte - b.first_byte) * 1000
                        for a, b in zip(self.ours, self.theirs) if a.first_byte is not None)
        return (statistics.median(delays), delays[0], delays[-1]) if delays else None

    def cells(self):
        middle, low, high = self.ratio()
        return [self.name, self._figure(self.ours), self._figure(self.theirs),
                f"**{middle:.2f}** ({low:.2f} to {high:.2f})", self._processor(self.ours),
                self._processor(self.theirs), f"{self.memory / MIB:.0f} MiB"]

    def _figure(self, samples):
        return f"{statistics.median(s.figure for s in samples):,.0f} {self.unit}"

    def _processor(self, samples):
        spent = [s.processor for s in samples if s.processor is not None]
        if not spent:
            return ""
        middle = statistics.median(spent)
        return f"{middle * 1e6:.1f} µs" if self.unit == "req/s" else f"{middle:.2f} s"
