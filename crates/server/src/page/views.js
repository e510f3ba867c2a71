"use strict";
// Two views of one page. The address says which: `#four-ways`, or the channels of the line.
{
  const WAYS = "#four-ways";
  const tabs = [$("tab-line"), $("tab-ways")];
  let lineIsOpen = false;

  function select(tab, names) {
    for (const one of tabs) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", chosen);
      one.tabIndex = chosen ? 0 : -1;
      $(one.getAttribute("aria-controls")).hidden = !chosen;
    }
    document.body.dataset.view = tab === $("tab-ways") ? "ways" : "line";
    if (tab === $("tab-ways")) {
      history.replaceState(null, "", WAYS);
    } else if (names || !lineIsOpen) {
      lineIsOpen = true;
      openLine(names);
    } else {
      history.replaceState(null, "", "#" + channels.map(encode).join(","));
    }
    attend();
  }

  // The four ways wait only while somebody can see them.
  function attend() {
    if (!$("view-ways").hidden && !document.hidden) picture.start(); else picture.stop();
  }

  for (const tab of tabs) {
    tab.onclick = () => select(tab);
    tab.onkeydown = ({ key }) => {
      if (key !== "ArrowLeft" && key !== "ArrowRight") return;
      const other = tabs[1 - tabs.indexOf(tab)];
      select(other);
      other.focus();
    };
  }
  addEventListener("hashchange", () => {
    if (location.hash === WAYS) select($("tab-ways"));
    else if (!$("view-ways").hidden) select($("tab-line"), location.hash.slice(1));
  });
  document.addEventListener("visibilitychange", attend);
  if (location.hash === WAYS) select($("tab-ways"));
  else select($("tab-line"), location.hash.slice(1));
}
