"""The load generator: wrk, over connections of its own, from a file of prepared requests."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

# One request a line, in the order of the file; none is sent twice.
_SCRIPT = """
local requests, at = {}, 0
function init(arguments)
  local host, port = arguments[2], arguments[3]
  for line in io.lines(arguments[1]) do
    local path, token, body = line:match("([^\\t]*)\\t([^\\t]*)\\t(.*)")
    requests[#requests + 1] = table.concat({
      "POST ", path, " HTTP/1.1\\r\\nHost: ", host, ":", port, "\\r\\nAuthorization: Bearer ", token,
      "\\r\\nContent-Type: application/json\\r\\nContent-Length: ", tostring(#body), "\\r\\n\\r\\n", body })
  end
end
function request()
  at = at + 1
  if at > #requests then wrk.thread:stop() at = #requests end
  return requests[at]
end
function done(summary, latency, requests)
  io.stderr:write(string.format(
    '{"requests": %d, "microseconds": %d, "bytes": %d, "failed": %d, "p50": %f, "p99": %f}\\n',
    summary.requests, summary.duration, summary.bytes,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
      + summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Request:
    path: str
    token: str
    body: bytes


@dataclass(frozen=True)
class Measured:
    """`p50` and `p99` in milliseconds; `generator` is the share of one core that the load generator used.

    `cpu` is the processor time of the server's process for each request, in microseconds.
    """

    requests: int
    failed: int
    seconds: float
    per_second: float
    p50: float
    p99: float
    response_bytes: float
    generator: float
    cpu: float


async def load(
    host: str, port: int, requests: Sequence[Request], folder: Path, *, connections: int, seconds: int, server: int
) -> Measured:
    """Send the requests, each once, for `seconds`; `server` is the process that answers.

    Raises RuntimeError where they did not last so long: a server would look as fast as there were requests.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")
    script, lines = folder / "load.lua", folder / "requests.tsv"
    script.write_text(_SCRIPT)
    with lines.open("wb") as file:
        for request in requests:
            file.write(f"{request.path}\t{request.token}\t".encode() + request.body + b"\n")
    of_server = psutil.Process(server)
    times = of_server.cpu_times()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = await asyncio.create_subprocess_exec(
        wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script),
        f"http://{host}:{port}/", "--", str(lines), host, str(port),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    started = time.monotonic()
    _, errors = await asyncio.wait_for(process.communicate(), seconds + 60)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    after = of_server.cpu_times()
    result = json.loads(errors.splitlines()[-1])
    if result["requests"] >= len(requests) - connections:  # those under way at the end are not counted
        raise RuntimeError(f"the server took all {len(requests)} requests within {seconds} s: prepare more of them")
    took = result["microseconds"] / 1e6
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return Measured(
        requests=result["requests"],
        failed=result["failed"],
        seconds=took,
        per_second=result["requests"] / took,
        p50=result["p50"] / 1000,
        p99=result["p99"] / 1000,
        response_bytes=result["bytes"] / max(1, result["requests"]),
        generator=cpu / (time.monotonic() - started),
        cpu=(after.user + after.system - times.user - times.system) * 1e6 / max(1, result["requests"]),
    )
