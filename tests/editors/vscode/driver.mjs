// Drives Chromium for the tests: one JSON object a line in, one a line out. `argv`: playwright-core, chromium.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const [, , playwright, executablePath] = process.argv;
const { chromium } = createRequire(import.meta.url)(playwright);
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath, args: flags });
// One for all windows: the editor's own code is fetched and compiled once, which is much of a window's start.
const context = await browser.newContext();
let page;

const at = ({ selector, text, nth }) => {
  const found = page.locator(selector);
  const filtered = text === undefined ? found : found.filter({ hasText: text });
  return filtered.nth(nth ?? 0);
};
const inFrames = async (selector) => {
  for (const frame of page.frames().slice(1)) {
    const found = await frame.$(selector).catch(() => null);
    if (found) {
      return (await found.innerText()).trim();
    }
  }
  return null;
};

const ops = {
  async open({ url, width, height, scheme }) {
    page = await context.newPage();
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(url);
    await page.locator(".monaco-workbench").waitFor({ timeout: 90000 });
  },
  close: () => page.close(),
  click: (to) => at(to).click({ timeout: to.timeout ?? 30000, modifiers: to.modifiers ?? [], button: to.button ?? "left", force: to.force ?? false }),
  hover: (to) => at(to).hover({ timeout: 30000 }),
  press: ({ key }) => page.keyboard.press(key),
  type: ({ text }) => page.keyboard.type(text),
  wait: (to) => at(to).waitFor({ timeout: to.timeout ?? 60000, state: to.state ?? "visible" }),
  texts: ({ selector }) => page.locator(selector).allInnerTexts(),
  count: ({ selector }) => page.locator(selector).count(),
  attribute: (to) => at(to).getAttribute(to.name, { timeout: 30000 }),
  frame: ({ selector }) => inFrames(selector),
  size: ({ width, height }) => page.setViewportSize({ width, height }),
  shot: ({ path }) => page.screenshot({ path }),
  // The lines of an editor in their order on the screen, which is not that of its elements.
  source: ({ selector }) => page.evaluate((selector) => {
    const lines = [...(document.querySelector(selector)?.querySelectorAll(".view-line") ?? [])];
    const placed = lines.map((line) => [parseFloat(line.style.top), line.textContent.replaceAll("\u00a0", " ")]);
    return placed.sort((a, b) => a[0] - b[0]).map(([, text]) => text).join("\n");
  }, selector),
  // Resolves when some element's text is as the pattern wants it; looks at each change of the page.
  async until({ selector, pattern, timeout }) {
    const wanted = ({ selector, pattern }) => {
      const texts = [...document.querySelectorAll(selector)].map((e) => (e.innerText ?? e.textContent).replaceAll("\u00a0", " "));
      const text = texts.find((one) => new RegExp(pattern, "s").test(one));
      return text === undefined ? null : { text };
    };
    const found = await page.waitForFunction(wanted, { selector, pattern }, { timeout: timeout ?? 90000, polling: 50 });
    return (await found.jsonValue()).text;
  },
  async frameUntil({ selector, pattern, timeout }) {
    const end = Date.now() + (timeout ?? 60000);
    for (;;) {
      const text = await inFrames(selector);
      if (text !== null && new RegExp(pattern, "s").test(text)) {
        return text;
      }
      if (Date.now() > end) {
        throw new Error(`no frame's ${selector} is like ${pattern}: ${text}`);
      }
      await new Promise((go) => setTimeout(go, 100));
    }
  },
  // From the next click or key to the first change of the element's text, in the page's own clock.
  arm: ({ selector, pattern }) => page.evaluate(({ selector, pattern }) => {
    const seen = (window.flowSeen = { from: 0, to: 0 });
    const began = () => (seen.from = performance.now());
    addEventListener("mousedown", began, true);
    addEventListener("keydown", began, true);
    const look = () => {
      const texts = [...document.querySelectorAll(selector)].map((e) => e.textContent);
      if (seen.from && !seen.to && texts.some((text) => new RegExp(pattern).test(text))) {
        seen.to = performance.now();
      }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  }, { selector, pattern }),
  async took() {
    await page.waitForFunction(() => window.flowSeen.to > 0, undefined, { timeout: 60000, polling: 20 });
    return page.evaluate(() => window.flowSeen.to - window.flowSeen.from);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...args } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await ops[op](args)) ?? null };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
