/* Keeps what is marked data-live up to date, and nothing else: without it the page reads and works the same. */
"use strict";
(() => {
  const EVERY = 5000;
  let paused = false;
  let failed = 0;

  const live = () => document.querySelectorAll("[data-live][id]");
  if (!live().length) return;

  /* Whoever reads can stop it from changing (WCAG 2.2.2). */
  const asOf = document.querySelector("footer");
  const button = document.createElement("button");
  const said = document.createElement("p");
  button.type = "button";
  button.className = "second";
  button.textContent = "Stop keeping this page up to date";
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Keep this page up to date" : "Stop keeping this page up to date";
    if (!paused) look();
  });
  said.setAttribute("role", "status");
  said.className = "quiet";
  asOf.append(button, said);

  const say = (text) => { if (said.textContent !== text) said.textContent = text; };

  /* What is unfolded stays so, and what has the focus keeps it. */
  const exchange = (old, fresh) => {
    for (const details of old.querySelectorAll("details[id][open]")) {
      const same = fresh.querySelector(`details[id="${CSS.escape(details.id)}"]`);
      if (same) same.open = true;
    }
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const order = focus ? [...old.querySelectorAll("a, button, summary, input")].indexOf(focus) : -1;
    old.replaceChildren(...fresh.childNodes);
    if (focus && order >= 0) {
      const href = focus.getAttribute("href");
      const all = [...old.querySelectorAll("a, button, summary, input")];
      const same = all.find((one) => href && one.getAttribute("href") === href) || all[Math.min(order, all.length - 1)];
      if (same) same.focus({ preventScroll: true });
    }
  };

  const take = (page) => {
    for (const old of live()) {
      const fresh = page.getElementById(old.id);
      if (!fresh || fresh.isEqualNode(old)) continue;
      exchange(old, fresh);
      if (old.id === "answer") say(old.textContent); /* only what answers the page's question is read aloud */
    }
  };

  const look = () => {
    if (paused || document.hidden) return;
    const request = new XMLHttpRequest(); /* its parser runs no script and is no sink of Trusted Types */
    request.open("GET", location.pathname + location.search);
    request.setRequestHeader("Accept", "text/html");
    request.setRequestHeader("X-Kept-Up-To-Date", "1");
    request.responseType = "document";
    request.timeout = 10000;
    const lost = () => {
      failed += 1;
      if (failed > 1) say("This page is not kept up to date any more: load it again, and sign in if you are asked to.");
    };
    request.onload = () => {
      if (request.status !== 200 || !request.response || !request.response.getElementById("page")) return lost();
      if (failed > 1) say("");
      failed = 0;
      take(request.response);
    };
    request.onerror = lost;
    request.ontimeout = lost;
    request.send();
  };
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);

  /* In the picture a click leads where the table below it has its links. */
  document.addEventListener("click", (event) => {
    const node = event.target instanceof Element && event.target.closest("[data-href]");
    if (node) location.assign(node.getAttribute("data-href"));
  });
  document.documentElement.classList.add("scripted");
})();
