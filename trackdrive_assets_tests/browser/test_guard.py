"""A page of another site in a real browser: it can launch nothing in the UI of the person who visits it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote

from playwright.sync_api import Page, expect

from trackdrive_assets_tests.support.ui_driver import DevServer, fill_in, launch_run, show_launchpad


def launching(uuid: str) -> str:
    """Return the mutation that launches the run of a person who hangs up a call."""
    selector = (
        '{repositoryLocationName: "trackdrive_assets", repositoryName: "__repository__", pipelineName: "%s"}'
    )
    config = json.dumps({"ops": {"hang_up": {"config": {"uuids": [uuid], "confirmation": "hang up 1 call"}}}})
    return (
        f"mutation {{ launchRun(executionParams: {{selector: {selector % 'hang_up_calls'}, "
        f'runConfigData: {json.dumps(config)}, mode: "default"}}) {{ __typename }} }}'
    )


def hostile_page(ui: str, mutation: str) -> str:
    """Return a page that tries to launch a run in every way that needs no permission of the UI."""
    by_get = f"{ui}/graphql?query={quote(mutation)}"
    body = json.dumps({"query": mutation})
    return f"""<!doctype html><title>waiting</title>
    <img src="{by_get}">
    <iframe name="frame"></iframe>
    <iframe src="{ui}/locations/trackdrive_assets/jobs/hang_up_calls/playground"></iframe>
    <form id="text" method="post" enctype="text/plain" action="{ui}/graphql" target="frame">
      <input name='{body[:-1]},"a":"' value='"}}'></form>
    <form id="url" method="post" action="{by_get}" target="frame"></form>
    <script>
      const simple = {{method: "POST", mode: "no-cors", credentials: "include", body: {json.dumps(body)}}};
      const typed = {{...simple, headers: {{"Content-Type": "text/plain; application/json"}}}};
      document.getElementById("text").submit();
      document.getElementById("url").submit();
      const socket = new Promise(done => {{
        const opened = new WebSocket("{ui.replace("http", "ws")}/graphql", "graphql-ws");
        opened.onopen = opened.onerror = done;
      }});
      Promise.allSettled([
        fetch("{by_get}", {{mode: "no-cors"}}), fetch("{ui}/graphql", simple), fetch("{ui}/graphql", typed),
        fetch("{ui}/graphql", {{...typed, mode: "cors", headers: {{"Content-Type": "application/json"}}}}),
        socket,
      ]).then(() => {{ document.title = "done"; }});
    </script>"""


@contextmanager
def served(page: str) -> Iterator[str]:
    """Serve a page at an origin of its own, and yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def runs(page: Page, dev_server: DevServer) -> int:
    """Return the number of runs, which the browser asks from the UI itself."""
    answer = page.request.post(
        f"{dev_server.url}/graphql",
        data={"query": "{ runsOrError { ... on Runs { results { runId } } } }"},
    )
    return len(answer.json()["data"]["runsOrError"]["results"])


def test_a_page_of_another_site_launches_nothing(page: Page, dev_server: DevServer) -> None:
    uuid = dev_server.add_live_call()
    before = runs(page, dev_server)
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status))
    with served(hostile_page(dev_server.url, launching(uuid))) as url:
        page.goto(url)
        expect(page).to_have_title("done")
    assert statuses.count(403) >= 4
    assert runs(page, dev_server) == before
    # The same launch works from the UI itself, which also opens its websocket for the log.
    editor = show_launchpad(page, "hang_up_calls")
    fill_in(page, editor, f"ops: {{hang_up: {{config: {{uuids: [{uuid}], confirmation: hang up 1 call}}}}}}")
    launch_run(page)
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    assert uuid in dev_server.hung_up_calls()
    assert runs(page, dev_server) == before + 1
