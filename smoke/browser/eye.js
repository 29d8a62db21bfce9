// Runs in a world of its own in every page, where it sees the document and the page does not see it. It tells when the
// page shows that something is wrong: a dialog of Jupyter's, or BinderHub's failed launch.
(() => {
  if (window !== window.top) return;
  const told = new Set();
  const tell = (kind, text) => {
    text = (text || "").replace(/\s+/g, " ").trim().slice(0, 1500);
    if (told.has(kind + text)) return;
    told.add(kind + text);
    smokeEye(JSON.stringify({ kind, text, url: location.href }));
  };
  const visible = (el) => el.getClientRects().length > 0;
  const look = () => {
    for (const dialog of document.querySelectorAll(".jp-Dialog-content")) {
      if (visible(dialog) && dialog.textContent.trim()) tell("dialog", dialog.innerText);
    }
    const title = document.querySelector("#root h4, #root h1");
    if (document.querySelector("#loader.error")) {
      const log = document.querySelector("#terminal .xterm-rows, #terminal, #log");
      tell("launch", (title ? title.innerText + " " : "") + (log ? log.innerText : ""));
    } else if (title && /^404\b/.test(title.innerText)) {
      tell("not-found", title.innerText);
    }
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
  addEventListener("load", look);
})();
