// Runs in a world of its own in every page, where it sees the document and the page does not see it. It tells when the
// page shows that something is wrong: a dialog of Jupyter's, BinderHub's failed launch, or nothing at all; and how far
// BinderHub's page shows a launch to be.
(() => {
  if (window !== window.top) return;
  const told = new Set();
  const tell = (kind, text) => {
    text = (text || "").replace(/\s+/g, " ").trim().slice(0, 1500);
    if (told.has(kind + text) || told.size > (kind === "log" ? 500 : 1000)) return; // a long log leaves room for what goes wrong
    told.add(kind + text);
    smokeEye(JSON.stringify({ kind, text, url: location.href }));
  };
  const visible = (el) => el.getClientRects().length > 0;
  const logOf = () => document.querySelector("#terminal .xterm-rows, #terminal, #log");
  const look = () => {
    for (const dialog of document.querySelectorAll(".jp-Dialog-content")) {
      if (visible(dialog) && dialog.textContent.trim()) tell("dialog", dialog.innerText);
    }
    const title = document.querySelector("#root h4, #root h1");
    if (document.querySelector("#loader.error")) {
      const log = logOf();
      tell("launch", (title ? title.innerText + " " : "") + (log ? log.innerText : ""));
    } else if (title && /^404\b/.test(title.innerText)) {
      tell("not-found", title.innerText);
    }
    const bar = [...document.querySelectorAll(".progress-stacked[role=progressbar] strong")].filter(visible).map((el) => el.textContent.trim());
    if (bar.length) tell("bar", bar.join(" "));
    const log = document.querySelector("#terminal .xterm-rows");
    if (log && visible(log)) tell("log", log.textContent.slice(-1500));
  };
  // shows tells whether there is anything to be seen: words, or an element that is drawn.
  const shows = () =>
    !!document.body &&
    (document.body.innerText.trim() !== "" ||
      [...document.body.querySelectorAll("img, svg, canvas, input, button, iframe, video, [class*=jp-], [id*=splash]")].some(visible));
  const watchBlank = () => {
    if (shows()) return tell("painted");
    tell("blank");
    const wait = setInterval(() => {
      if (!shows()) return;
      clearInterval(wait);
      tell("painted");
    }, 200);
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
  addEventListener("load", () => { look(); setTimeout(watchBlank, 500); });
})();
