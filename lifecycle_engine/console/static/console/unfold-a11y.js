// Gives the admin theme what it lacks for keyboard and screen reader: landmarks, names, clickable
// things that are buttons, and dialogs that keep the focus until they close.
(function () {
  "use strict";

  const CLICK = "[x-on\\:click]:not(a[href], button, input, select, textarea, label, summary)";
  const FOCUSABLE =
    "a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), " +
    "select:not([disabled]), textarea:not([disabled]), [tabindex='0']";
  const words = () => document.querySelector("meta[name=le-labels]")?.dataset || {};
  const shown = (element) => element.getClientRects().length > 0;

  function landmarks(label) {
    document.getElementById("main")?.setAttribute("role", "main");
    name(document.getElementById("nav-sidebar-inner"), label.navigation);
    document.querySelectorAll("nav").forEach((nav) => name(nav, label.account));
    const main = document.getElementById("main");
    if (main && label.skip) {
      const link = document.createElement("a");
      link.className = "le-skip";
      link.href = "#main";
      link.textContent = label.skip;
      main.tabIndex = -1;
      document.body.prepend(link);
    }
  }

  function name(element, text) {
    if (element && text && !element.getAttribute("aria-label")) {
      element.setAttribute("aria-label", text);
    }
  }

  function labelOf(element, label) {
    const action = element.getAttribute("x-on:click");
    if (action.includes("sidebar")) return label.sidebar;
    if (action.includes("openUserLinks")) return label.menu;
    if (action.includes("openModal")) return label.close;
    if (action.includes("rowOpen")) return label.expand;
    if (action.includes("opencommand")) return label.palette;
    return label.more;
  }

  function iconsOf(element) {
    if (element.matches(".material-symbols-outlined")) return element.textContent.trim();
    const icons = element.querySelectorAll(".material-symbols-outlined");
    return [...icons].map((icon) => icon.textContent).join("").trim();
  }

  // The theme's clickable divs and spans become buttons.
  function buttons(root, label) {
    root.querySelectorAll(CLICK).forEach((element) => {
      if (element.hasAttribute("role") || !element.textContent.trim()) return;
      if (element.querySelector(FOCUSABLE)) return;
      element.setAttribute("role", "button");
      element.tabIndex = 0;
      // Visible words are the name; only a bare icon needs one.
      if (iconsOf(element) === element.textContent.trim()) name(element, labelOf(element, label));
      element.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        element.click();
      });
    });
    root.querySelectorAll(".material-symbols-outlined:not([role])").forEach((icon) => {
      icon.setAttribute("aria-hidden", "true");
    });
    root.querySelectorAll("a, button").forEach((control) => {
      const bare = iconsOf(control);
      if (bare && control.textContent.trim() === bare && !control.title) name(control, label.more);
    });
  }

  // While it is shown, everything outside the dialog is inert; afterwards the focus goes back.
  function dialog(box, text) {
    if (!box) return;
    let opener = null;
    let quieted = [];
    let last = document.body;
    document.addEventListener("focusin", (event) => {
      if (!box.contains(event.target)) last = event.target;
    });
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-modal", "true");
    name(box, text);

    function open() {
      opener = last;
      for (let at = box; at !== document.body; at = at.parentElement) {
        for (const sibling of at.parentElement.children) {
          if (sibling !== at && !sibling.inert && !sibling.matches("script, style")) {
            sibling.inert = true;
            quieted.push(sibling);
          }
        }
      }
      setTimeout(() => {
        if (!box.contains(document.activeElement)) box.querySelector(FOCUSABLE)?.focus();
      }, 40);
    }

    function close() {
      quieted.forEach((element) => (element.inert = false));
      quieted = [];
      opener?.focus?.();
    }

    let was = shown(box);
    const watch = () => {
      const is = shown(box);
      if (is !== was) (is ? open : close)();
      was = is;
    };
    new MutationObserver(watch).observe(box, { attributes: true, attributeFilter: ["style"] });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const label = words();
    landmarks(label);
    buttons(document.body, label);
    dialog(document.getElementById("modal-content")?.parentElement, label.dialog);
    dialog(document.querySelector("[x-data='searchCommand()']"), label.palette);
    dialog(document.getElementById("changelist-filter"), label.filters);
    name(document.getElementById("command-submit"), label.palette);
    name(document.getElementById("search-input-command"), label.palette);
    document.querySelectorAll("th:empty").forEach((cell) => {
      const note = document.createElement("span");
      note.className = "sr-only";
      note.textContent = label.select || "";
      cell.append(note);
    });
    document.addEventListener("htmx:afterSettle", (event) => buttons(event.target, words()));
  });
})();
