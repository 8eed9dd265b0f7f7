// Renews the parts of a page that are marked data-live, politely: never while a person works in them, never in the
// background, and not at all when paused. The page is complete without this file.
(() => {
  "use strict";
  const EVERY = 60_000;
  const note = document.getElementById("live");
  const regions = () => [...document.querySelectorAll("[data-live][id]")];
  if (!note || !regions().length) return;

  const button = document.createElement("button");
  button.type = "button";
  button.className = "lnk";
  const words = document.createElement("span");
  const said = document.createElement("span");
  said.className = "vh";
  said.setAttribute("role", "status");
  note.append(words, button, said);
  note.hidden = false;

  let paused = sessionStorage.getItem("paused") === "yes";
  const show = (problem) => {
    words.textContent = problem || (paused ? "Does not renew itself; " : "Renews itself every 60 s; ");
    button.textContent = paused ? "go on" : "pause";
  };
  button.addEventListener("click", () => {
    paused = !paused;
    sessionStorage.setItem("paused", paused ? "yes" : "no");
    show();
    if (!paused) renew();
  });

  const busy = (region) => {
    const chosen = getSelection();
    return region.contains(document.activeElement) || region.matches(":hover") && matchMedia("(hover: hover)").matches
      || (chosen && !chosen.isCollapsed && region.contains(chosen.anchorNode));
  };
  const keep = (from, to) => {  // what a person has opened stays open, what they have scrolled stays there
    to.querySelectorAll("details").forEach((one, at) => { one.open = from.querySelectorAll("details")[at]?.open ?? one.open; });
  };
  const scrolls = (region) => [...region.querySelectorAll(".scroll, .wide-x, .lin")].map((one) => one.scrollLeft);

  async function renew() {
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const region of regions()) {
        const fresh = page.getElementById(region.id);
        if (!fresh || busy(region)) continue;
        if (fresh.innerHTML === region.innerHTML) continue;
        const places = scrolls(region);
        keep(region, fresh);
        region.replaceWith(document.adoptNode(fresh));
        fresh.querySelectorAll(".scroll, .wide-x, .lin").forEach((one, at) => { one.scrollLeft = places[at] ?? 0; });
      }
      const head = page.querySelector("h1"), here = document.querySelector("h1");
      if (head && here && head.textContent !== here.textContent) {
        here.textContent = head.textContent;
        said.textContent = head.textContent;
      }
      show();
    } catch {
      show("These numbers could not be renewed; trying again in 60 s; ");
    }
  }
  show();
  setInterval(renew, EVERY);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) renew(); });
})();
