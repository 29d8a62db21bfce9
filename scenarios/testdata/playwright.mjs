// Makes the browser's journey with Playwright, for the benchmark beside it: launch from BinderHub's page, JupyterLab, run all
// cells of a notebook, see what they show. It waits as Playwright waits, never for a fixed time, and believes a cell done when
// its reply and the status idle after it have come over the kernel's websocket. Journeys come as lines of JSON, and so go their
// results.
import { createInterface } from "node:readline";

const { chromium } = await import(process.argv[2]);

// parse reads a message of the kernel's websocket, of the protocol v1.kernel.websocket.jupyter.org (binary: a number of offsets,
// the offsets, and between them channel, header, parent header, metadata and content) or of the older one (text).
function parse(payload) {
  if (typeof payload === "string") return JSON.parse(payload);
  const at = (i) => Number(payload.readBigUInt64LE(8 * i));
  const part = (i) => payload.subarray(at(i + 1), at(i + 2)).toString();
  return { header: JSON.parse(part(1)), parent_header: JSON.parse(part(2)), content: JSON.parse(part(4)) };
}

// watchKernel follows what is asked of a page's kernel and what it answers.
function watchKernel(page) {
  const asked = new Map(); // message id to what is known of it
  const waiting = new Set();
  page.on("websocket", (socket) => {
    if (!/\/api\/kernels\/[^/]+\/channels/.test(socket.url())) return;
    socket.on("framesent", ({ payload }) => {
      const { header, content } = parse(payload);
      const cell = header.msg_type === "execute_request" && !content.silent && content.store_history !== false;
      if (cell || header.msg_type === "kernel_info_request") asked.set(header.msg_id, { cell, reply: false, idle: false });
    });
    socket.on("framereceived", ({ payload }) => {
      const { header, parent_header, content } = parse(payload);
      const one = asked.get(parent_header.msg_id);
      if (!one) return;
      if (/_reply$/.test(header.msg_type)) one.reply = true;
      if (header.msg_type === "status" && content.execution_state === "idle") one.idle = true;
      for (const look of waiting) look();
    });
  });
  const done = (cell) => [...asked.values()].filter((one) => one.cell === cell && one.reply && one.idle).length;
  const until = (enough) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`an execution is lost: ${JSON.stringify([...asked.values()])}`)), 60_000);
      const look = () => {
        if (!enough()) return;
        clearTimeout(late);
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { ready: () => until(() => done(false) > 0), cells: (count) => until(() => done(true) >= count) };
}

// launch follows BinderHub's page to the launched server and JupyterLab in it.
async function launch(page, address) {
  const request = page.waitForRequest((r) => /\/user\/[^/]+\/.*token=/.test(r.url()));
  await page.goto(address);
  const first = new URL((await request).url());
  const server = first.href.match(/^.*?\/user\/[^/]+\//)[0];
  await page.locator(".lm-MenuBar-item").first().waitFor();
  await page.locator("#jupyterlab-splash").waitFor({ state: "hidden" });
  return { server, token: first.searchParams.get("token") };
}

// upload goes through the page: Playwright's own requests know neither the names nor the authority that Chromium was told.
async function upload(page, url, token, content) {
  const status = await page.evaluate(
    async ([url, token, body]) => (await fetch(url, { method: "PUT", headers: { Authorization: `token ${token}` }, body })).status,
    [url, token, JSON.stringify({ type: "notebook", format: "json", content })],
  );
  if (status >= 300) throw new Error(`the upload got ${status}`);
}

async function runAll(page) {
  await page.locator(".lm-MenuBar-item", { hasText: /^Run$/ }).click();
  const item = page.locator('.lm-Menu [data-command="runmenu:run-all"]');
  await item.hover();
  await item.click();
}

async function see(page, texts, pictures) {
  const outputs = page.locator(".jp-OutputArea-output");
  for (const text of texts) await outputs.filter({ hasText: text }).first().waitFor();
  for (const size of pictures) {
    await page.waitForFunction(
      ([width, height]) =>
        [...document.querySelectorAll(".jp-OutputArea-output img, .jp-OutputArea-output svg")].some((one) =>
          one.tagName === "IMG"
            ? one.complete && one.naturalWidth === width && one.naturalHeight === height
            : one.width.baseVal.value === width && one.height.baseVal.value === height,
        ),
      size,
    );
  }
}

async function journey(job) {
  const began = performance.now();
  const result = { server: "", laps: [] };
  const lap = () => result.laps.push((performance.now() - began) / 1000);
  const browser = await chromium.launch({
    executablePath: job.executable,
    args: [`--host-resolver-rules=${job.rules}`, "--disable-quic"],
    env: { ...process.env, HOME: job.home, TMPDIR: job.home },
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    lap();
    const { server, token } = await launch(page, job.launch);
    result.server = server;
    lap();
    await upload(page, `${server}api/contents/pair.ipynb`, token, job.notebook);
    const kernel = watchKernel(page);
    await page.goto(`${server}lab/tree/pair.ipynb`);
    await kernel.ready();
    await page.locator(".jp-Notebook .jp-CodeCell .cm-content").first().waitFor();
    lap();
    await runAll(page);
    await kernel.cells(job.cells);
    lap();
    await see(page, job.texts, job.pictures);
    lap();
  } catch (error) {
    result.error = String(error);
  } finally {
    await browser.close();
  }
  return result;
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await journey(JSON.parse(line))));
}
