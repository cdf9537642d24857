"""Opens a report in headless Chromium and looks at it: python report.py CHROMIUM PAGE.html [RESULT.json] -o FOLDER

Speaks the DevTools protocol over a pipe, so that it needs nothing beyond Python. For each width, light and dark: every figure is
drawn and has a name, the page is no wider than the screen, nothing but the page itself was asked for, nothing was complained of.
Every number that the page says is in its JSON is compared with it, and that JSON with RESULT.json, what `--json` printed.
Leaves a picture of each view in FOLDER.
"""

import argparse
import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

WIDTHS = {"wide": 1200, "narrow": 375}

# What is asked of the page itself. Folded parts are opened first: what they hold has no size until then.
LOOK = """(() => {
  for (const part of document.querySelectorAll('details')) part.open = true;
  const shown = element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0;
  };
  const figures = [...document.querySelectorAll('svg[role=img]')].map(svg => ({
    id: svg.id,
    drawn: shown(svg),
    marks: [...svg.querySelectorAll('path, rect, circle')].filter(mark => {
      const box = mark.getBBox();
      return box.width > 0 || box.height > 0;
    }).length,
    outside: [...svg.querySelectorAll('text, path, rect, circle')].filter(mark => {
      const box = mark.getBBox(), view = svg.viewBox.baseVal;
      return box.x < -0.5 || box.y < -0.5 || box.x + box.width > view.width + 0.5 || box.y + box.height > view.height + 0.5;
    }).map(mark => mark.tagName + ' ' + mark.textContent),
    text: Math.min(...[...svg.querySelectorAll('text')].map(text =>
      parseFloat(getComputedStyle(text).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)),
    names: svg.getAttribute('aria-labelledby').split(' ').map(id => document.getElementById(id)?.textContent ?? ''),
  }));
  return JSON.stringify({
    figures,
    nameless: [...document.querySelectorAll('svg:not([role=img]):not([aria-hidden=true])')].length,
    tables: [...document.querySelectorAll('table')].filter(table => !table.caption || !table.querySelector('th[scope]')).length,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    background: getComputedStyle(document.body).backgroundColor,
    outcome: document.getElementById('outcome').textContent,
    numbers: [...document.querySelectorAll('[data-key]')].map(it => [it.dataset.key, it.dataset.value, it.textContent]),
  });
})()"""


class Browser:
    """A headless Chromium that is spoken to over two pipes."""

    def __init__(self, program, profile):
        to_read, self.to = os.pipe()
        self.of, to_write = os.pipe()

        def move():
            # Chromium reads from descriptor 3 and writes to 4. Copies first: either may be one of the two already.
            copies = [os.dup(to_read), os.dup(to_write)]
            for copy, place in zip(copies, (3, 4)):
                os.dup2(copy, place)

        arguments = [
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}",
        ]
        self.process = subprocess.Popen(
            [program, *arguments], preexec_fn=move, close_fds=False, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        self.number, self.pending, self.events = 0, b"", []

    def receive(self):
        while b"\0" not in self.pending:
            part = os.read(self.of, 1 << 16)
            if not part:
                sys.exit("the browser ended")
            self.pending += part
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        while not any(event["method"] == method for event in self.events):
            self.events.append(self.receive())

    def close(self):
        os.close(self.to)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def at(value, pointer):
    for part in pointer.split("/")[1:]:
        value = value[int(part) if isinstance(value, list) else part]
    return value


def shows(text, value):
    """Whether a text begins with a number that is the value, rounded to as many digits as the text has."""
    if time := re.fullmatch(r"(\d+) (min|h) (\d\d) (s|min)", text):
        unit = 60 if time[4] == "min" else 1
        return abs((int(time[1]) * 60 + int(time[3])) * unit - value) <= unit * (0.5000001 if unit == 1 else 1.0)
    found = re.match(r"[+\-]?[\d,]+(\.\d+)?", text.replace("\u2212", "-"))
    if not found:
        return False
    shown = found[0].replace(",", "")
    digits = len(shown.partition(".")[2])
    return abs(float(shown) - value) <= 0.5000001 * 10**-digits


def view(browser, page, width, scheme, picture):
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    call = lambda method, **parameters: browser.call(method, session, **parameters)
    for domain in ("Page", "Network", "Log", "Runtime"):
        call(f"{domain}.enable")
    call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.events.clear()
    call("Page.navigate", url=page.resolve().as_uri())
    browser.wait_for("Page.loadEventFired")
    result = call("Runtime.evaluate", expression=LOOK, returnByValue=True)
    if "exceptionDetails" in result:
        sys.exit(f"the page could not be looked at: {result['exceptionDetails']}")
    seen = json.loads(result["result"]["value"])
    events = browser.events
    seen["asked"] = [it["params"]["request"]["url"] for it in events if it["method"] == "Network.requestWillBeSent"]
    seen["complaints"] = [it["params"]["entry"]["text"] for it in events if it["method"] == "Log.entryAdded"]
    height = call("Page.getLayoutMetrics")["cssContentSize"]["height"]
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, 16000), "scale": 1}
    image = call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    picture.write_bytes(base64.b64decode(image["data"]))
    browser.call("Target.closeTarget", targetId=target)
    return seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("chromium")
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("result", type=pathlib.Path, nargs="?")
    parser.add_argument("-o", dest="folder", type=pathlib.Path, required=True)
    parser.add_argument("--figures", nargs="*", default=[], help="figures that have to be there")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    problems, grounds = [], set()

    def check(what, holds):
        if not holds:
            problems.append(what)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(arguments.chromium, profile)
        for name, width in WIDTHS.items():
            for scheme in ("light", "dark"):
                where = f"{name}, {scheme}"
                picture = arguments.folder / f"{arguments.page.stem}-{name}-{scheme}.png"
                seen = view(browser, arguments.page, width, scheme, picture)
                grounds.add(seen["background"])
                found = [figure["id"] for figure in seen["figures"]]
                for wanted in arguments.figures:
                    check(f"{where}: there is no figure {wanted}, but {found}", wanted in found)
                for figure in seen["figures"]:
                    check(f"{where}: {figure['id']} is not drawn", figure["drawn"] and figure["marks"] > 1)
                    check(f"{where}: {figure['id']} has no name", all(figure["names"]) and len(figure["names"]) == 2)
                    check(f"{where}: {figure['id']} draws outside of itself: {figure['outside']}", not figure["outside"])
                    check(f"{where}: text of {figure['id']} has {figure['text']:.1f} px", figure["text"] >= 10.5)
                check(f"{where}: {seen['nameless']} drawings without a name", seen["nameless"] == 0)
                check(f"{where}: {seen['tables']} tables without caption or headers", seen["tables"] == 0)
                check(f"{where}: {seen['overflow']} px wider than the screen", seen["overflow"] <= 0)
                check(f"{where}: asked for {seen['asked']}", seen["asked"] == [arguments.page.resolve().as_uri()])
                check(f"{where}: {seen['complaints']}", not seen["complaints"])
        browser.close()
    check("light and dark look the same", len(grounds) == 2)

    outcome = json.loads(seen["outcome"])
    for key, value, text in seen["numbers"]:
        expected = at(outcome, key)
        check(f"{key}: {value} instead of {expected}", json.loads(value) == expected)
        check(f"{key}: the page shows {text} for {expected}", shows(text, expected))
    if arguments.result:
        result = json.loads(arguments.result.read_text(encoding="utf-8"))
        for key, value in result.items():
            check(f"{key} differs from what was printed", outcome.get(key) == value)
    for problem in problems:
        print(problem, file=sys.stderr)
    figures, numbers = len(seen["figures"]), len(seen["numbers"])
    print(f"{arguments.page.name}: {figures} figures drawn, {numbers} numbers compared, {len(problems)} problems")
    sys.exit(bool(problems))


main()
