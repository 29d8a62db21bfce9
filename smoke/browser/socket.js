// Runs in every page before the page's own scripts: it tells how websockets end, which the browser does not say otherwise.
// Nothing else about them changes.
(() => {
  const tell = window.smokeSocket;
  if (!tell) return; // nobody listens to this page
  delete window.smokeSocket;
  const send = JSON.stringify; // as it is now: pages may replace it
  window.WebSocket = new Proxy(window.WebSocket, {
    construct(target, args, made) {
      const socket = Reflect.construct(target, args, made);
      let asked = false;
      const close = socket.close;
      socket.close = function (...how) { asked = true; return close.apply(socket, how); };
      socket.addEventListener("close", (end) =>
        tell(send({ url: socket.url, code: end.code, reason: end.reason, clean: end.wasClean, asked })));
      return socket;
    },
  });
})();
