"use strict";
// Three views of one page. The address says which: `#four-ways`, `#docs`, or the channels of the
// connection.
{
  const WAYS = "#four-ways", DOCS = "#docs";
  const views = { connection: $("tab-connection"), ways: $("tab-ways"), docs: $("tab-docs") };
  const tabs = Object.values(views);
  let isOpen = false;

  function select(view, names) {
    for (const [name, tab] of Object.entries(views)) {
      tab.setAttribute("aria-selected", name === view);
      tab.tabIndex = name === view ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = name !== view;
    }
    document.body.dataset.view = view;
    if (view !== "connection") {
      history.replaceState(null, "", view === "ways" ? WAYS : DOCS);
    } else if (names || !isOpen) {
      isOpen = true;
      openConnection(names);
    } else {
      history.replaceState(null, "", "#" + channels.map(encode).join(","));
    }
    attend();
  }

  // The four ways wait only while somebody can see them.
  function attend() {
    if (!$("view-ways").hidden && !document.hidden) picture.start(); else picture.stop();
  }

  for (const [view, tab] of Object.entries(views)) {
    tab.onclick = () => select(view);
    tab.onkeydown = ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (!step) return;
      const other = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      other.click();
      other.focus();
    };
  }

  function selectByAddress() {
    if (location.hash === WAYS) select("ways");
    else if (location.hash === DOCS) select("docs");
    else select("connection", location.hash.slice(1));
  }

  addEventListener("hashchange", () => {
    const isChannel = location.hash !== WAYS && location.hash !== DOCS;
    if (!isChannel || $("view-connection").hidden) selectByAddress();
  });
  document.addEventListener("visibilitychange", attend);
  selectByAddress();
}
