"use strict";
// What a reader has chosen stands in the address and goes along to other pages: dates and theme.

const place = (() => {
  const KEPT = ["range", "theme"];
  const read = () => new URLSearchParams(location.hash.slice(1));

  // The address of the page with some of its choices changed; null removes one.
  function changed(changes) {
    const words = read();
    for (const [name, value] of Object.entries(changes)) {
      words.delete(name);
      for (const each of [].concat(value === null ? [] : value)) words.append(name, each);
    }
    return words.toString().replace(/%2F/g, "/");
  }

  function kept() {
    const words = read();
    return KEPT.filter((name) => words.has(name)).map((name) => [name, words.get(name)]);
  }

  // Lets a link to another page take the choices along, and the name that it stands for.
  function equip(link) {
    const words = new URLSearchParams(link.dataset.by ? [[link.dataset.by, link.textContent]] : []);
    for (const [name, value] of kept()) words.set(name, value);
    link.hash = words.toString();
  }

  function carry(root = document) {
    for (const link of root.querySelectorAll("a[href*='.html'], a[data-out]")) equip(link);
  }

  function showTheme() {
    const theme = read().get("theme");
    const root = document.documentElement;
    root.classList.toggle("light", theme === "light");
    root.classList.toggle("dark", theme === "dark");
    const choice = document.getElementById("theme");
    if (choice) choice.value = ["light", "dark"].includes(theme) ? theme : "";
  }

  // A contents link scrolls and leaves the choices in the address alone.
  function go(event) {
    const target = document.getElementById(event.currentTarget.hash.slice(1));
    if (!target) return;
    event.preventDefault();
    const menu = event.currentTarget.closest("details");
    if (menu) menu.open = false;
    if (target.matches("details")) target.open = true;
    target.tabIndex = -1;
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  }

  // Menus close by Escape and by a click beside them, and one opens at a time.
  function menus() {
    const all = [...document.querySelectorAll(".top details")];
    const shut = (except) => all.forEach((menu) => { if (menu !== except) menu.open = false; });
    for (const menu of all) menu.addEventListener("toggle", () => { if (menu.open) shut(menu); });
    document.addEventListener("click", (event) => shut(event.target.closest(".top details")));
    document.addEventListener("keydown", (event) => {
      const open = all.find((menu) => menu.open);
      if (event.key !== "Escape" || !open) return;
      open.open = false;
      open.querySelector("summary").focus();
    });
  }

  // `redraw` is called when the theme changes.
  function start(redraw) {
    const choice = document.getElementById("theme");
    if (choice) {
      choice.closest("label").hidden = false;
      choice.addEventListener("change", () => location.replace(`#${changed({ theme: choice.value || null })}`));
    }
    for (const link of document.querySelectorAll(".contents a")) link.addEventListener("click", go);
    menus();
    let theme = read().get("theme");
    showTheme();
    carry();
    addEventListener("hashchange", () => {
      carry();
      if (read().get("theme") === theme) return;
      theme = read().get("theme");
      showTheme();
      redraw();
    });
  }

  return { read, changed, carry, equip, start };
})();
