"""The part with a script, in a real browser: it says what the page without it says, and runs nothing from outside."""

from __future__ import annotations

import json
import re
from pathlib import Path

from doubles.records import FILE, RunTale, repaired, until_streaming
from flowmill.report import bundle
from flowmill.report.page import render
from flowmill.report.words import Prices

from .conftest import Dump, told
from .test_page import large, poisoned

PRICES = Prices(1.0, 0.1, 4.0)
FACTS = {"Run": "r0fabricat", "Model": "<b>qwen</b>"}
HARNESS = """
const flat = (element) => element.textContent.replace(/\\s+/g, "");
const result = [];
for (const data of document.querySelectorAll("script[type='application/json']")) {
  const { events, options } = JSON.parse(data.textContent);
  const still = data.closest("article");
  const [whole, grown] = [document.createElement("div"), document.createElement("div")];
  mount(whole, events, options);
  const page = mount(grown, [], options);
  for (let at = 0; at < events.length; at += 3) page.update(events.slice(at, at + 3));
  page.update(events);
  result.push({ still: flat(still.querySelector("#flow-run")), whole: flat(whole), grown, finished: page.finished });
}
setTimeout(() => {
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify(result.map((each) => ({ ...each, grown: flat(each.grown) })));
  document.body.replaceChildren(told);
}, 1000);
"""


def cancelled() -> RunTale:
    return RunTale(tests=[]).start().finish("cancelled", None, "", "", "")


def warned() -> RunTale:
    tale = RunTale().start().note("draft 1 <i>looks</i> odd", "warning").outcomes(0, "ffff")
    tale.stream(2, "def f(): ...").note("draft 2 is not run: it is the same as draft 1")
    return tale.outcomes(1, "tces").scored(1, "fffs", best=False).finish("failed", None, "", "ffff", "ffff")


def body_of(text: str) -> str:
    """A page's content and data without its own script."""
    body = text[text.index("<body") : text.index("</body>")]
    return (
        "<article>"
        + re.sub(r"<body[^>]*>|<script type=\"module\">.*?</script>", "", body, flags=re.DOTALL)
        + "</article>"
    )


def test_the_page_says_the_same_with_and_without_a_script(dump: Dump) -> None:
    tales = [repaired(), until_streaming(), large(), cancelled(), warned(), RunTale()]
    pages = [render(tale.records, FACTS, PRICES, FILE.parents[1]) for tale in tales]
    script = str(bundle.script())[: str(bundle.script()).index("const data = JSON.parse")]
    html = "".join(body_of(page) for page in pages)
    dom = dump(f"<!doctype html><body>{html}<script type='module'>{script}{HARNESS}</script></body>")
    found = told(dom)
    assert len(found) == len(tales)
    for each in found:
        assert each["whole"] == each["still"]
        assert each["grown"] == each["still"]
    assert [each["finished"] for each in found] == [True, False, True, True, True, False]


def test_the_script_runs_under_its_policy_and_nothing_else_does(dump: Dump) -> None:
    evil = (
        "</script><script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\">\u202e\x1b"
    )
    dom = dump(render(poisoned(evil).records, {evil: evil}, None, Path("/")))
    assert 'class="flow-js"' in dom
    assert "<title>hit" not in dom
    assert "<img" not in dom
    assert dom.count("<script") == 2
    assert "\u202e" not in re.sub(r"<script.*?</script>", "", dom, flags=re.DOTALL)


def test_a_live_run_is_drawn_again_only_where_it_changed(dump: Dump) -> None:
    records = repaired().records
    events = bundle.data([record.to_json() for record in records])
    script = str(bundle.script())[: str(bundle.script()).index("const data = JSON.parse")]
    test = """
    const events = JSON.parse(document.getElementById("events").textContent);
    const half = events.findIndex((e) => e.type === "draft" && e.draft === 2);
    const root = document.getElementById("root");
    const page = mount(root, events.slice(0, half), { live: true, editor: true });
    const [first, head] = [root.querySelector("#draft-1"), root.querySelector(".verdict strong").textContent];
    first.open = true;
    const before = [...first.children];
    page.update(events.slice(half));
    setTimeout(() => {
      const link = root.querySelector("#matrix td a");
      link.click();
      const told = document.createElement("pre");
      told.id = "told";
      told.textContent = JSON.stringify({
        head,
        kept: first.isConnected && first.open && before.every((e) => e.isConnected),
        end: root.querySelector(".verdict strong").textContent,
        said: root.querySelector("[role=status]").textContent.slice(0, 9),
        order: [...root.querySelectorAll("#drafts details")].map((e) => e.id),
        focus: document.activeElement.id === link.getAttribute("href").slice(1),
        open: document.activeElement.closest("details").open,
      });
      page.destroy();
      document.body.append(told, String(root.childNodes.length));
    }, 1000);
    """
    data = f"<script id='events' type='application/json'>{events}</script>"
    dom = dump(f"<!doctype html><body><div id=root></div>{data}<script type='module'>{script}{test}</script>")
    assert told(dom) == json.loads(
        """{"head": "Working:", "kept": true, "end": "Verified:", "said": "Verified:",
        "order": ["draft-0", "draft-1", "draft-2", "draft-3"], "focus": true, "open": true}"""
    )
    assert re.search(r"</pre>0\s*</body>", dom)
