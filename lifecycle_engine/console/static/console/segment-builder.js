// The segment builder's keys: undo and redo, the next thing to complete, moving a node. Everything
// else is links, forms and htmx.
(function () {
  "use strict";

  const builder = () => document.getElementById("builder");

  // What was typed and not sent yet belongs to the step before.
  let typed = null;
  document.addEventListener("input", (event) => (typed = event.target));
  document.addEventListener("change", () => (typed = null));
  function flush() {
    if (typed?.isConnected && typed.closest("form[hx-post]")) {
      typed.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }

  // What was entered in a condition after its form was last sent. Where the answer draws the fields
  // anew it is put into them and sent, or typing quicker than the server would be lost.
  const unsent = new Set();
  function entered(event) {
    if (event.target.closest("form.lb-fields")) unsent.add(event.target);
  }
  // Before htmx hears of it.
  document.addEventListener("input", entered, true);
  document.addEventListener("change", entered, true);
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches("form.lb-fields")) return;
    [...event.target.elements].forEach((field) => unsent.delete(field));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const replaced = [...unsent].filter((field) => !field.isConnected);
    replaced.forEach((field) => unsent.delete(field));
    // Where the tree was drawn anew the same id may be another condition's.
    if (event.detail.target.matches("form.lb-fields")) replaced.forEach(putBack);
  });
  function putBack(field) {
    const now = document.getElementById(field.id);
    if (now?.name !== field.name || now.type !== field.type) return;
    now.value = field.value;
    now.checked = field.checked;
    if (field.selectionStart != null) {
      now.setSelectionRange(field.selectionStart, field.selectionEnd);
    }
    unsent.add(now);
  }
  document.addEventListener("htmx:afterSettle", (event) => {
    if (!event.detail.target.matches("form.lb-fields")) return;
    // A form that waited for the answer sends it first.
    setTimeout(() => {
      for (const field of unsent) field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  });

  function press(button) {
    if (button && button.getAttribute("aria-disabled") !== "true") button.click();
  }

  // The one after that which was reached last, and from the last one back to the first.
  function problemNext() {
    const open = [...document.querySelectorAll("#builder .lb-problem")].filter(
      (slot) => slot.textContent.trim(),
    );
    const last = document.querySelector("#builder [data-last]");
    last?.removeAttribute("data-last");
    const next = open[(open.indexOf(last) + 1) % open.length];
    if (!next) return;
    next.setAttribute("data-last", "");
    const field = document.getElementById(next.dataset.for);
    const folded = field?.closest("details");
    if (folded) folded.open = true;
    field?.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (!builder()) return;
    if (event.key === "Escape" && event.target.closest("#lb-why")) whyClose();
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey && (key === "z" || key === "y")) {
      event.preventDefault();
      flush();
      press(document.getElementById(key === "y" || event.shiftKey ? "lb-redo" : "lb-undo"));
    } else if (event.altKey && key === "n") {
      event.preventDefault();
      problemNext();
    } else if (event.altKey && (key === "arrowup" || key === "arrowdown")) {
      const node = event.target.closest(".lb-leaf, .lb-group");
      const tool = node?.querySelector("#" + node.id + (key === "arrowup" ? "-up" : "-down"));
      if (!tool) return;
      event.preventDefault();
      flush();
      press(tool);
    }
  });

  // A button that has nothing to do keeps the focus, and does nothing.
  document.addEventListener("htmx:confirm", (event) => {
    if (event.target.getAttribute("aria-disabled") === "true") event.preventDefault();
  });

  // Who asked why somebody is in gets the focus back when the answer is closed.
  let asked = null;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target?.id === "lb-why") asked = document.activeElement;
  });

  function whyClose() {
    document.getElementById("lb-why").replaceChildren();
    if (asked?.isConnected) asked.focus();
    else document.getElementById("lb-number")?.focus();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-next-problem]")) problemNext();
    if (event.target.closest("[data-why-close]")) whyClose();
  });

  // The answer to a page that is out of date is shown, though it is an error.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status !== 409) return;
    event.detail.shouldSwap = true;
    event.detail.isError = false;
    document.querySelector("#builder .lb-columns").inert = true;
  });

  function able(id, may) {
    const button = document.getElementById(id);
    if (may) button?.removeAttribute("aria-disabled");
    else button?.setAttribute("aria-disabled", "true");
  }

  function mark() {
    const state = document.getElementById("lb-problems")?.dataset;
    if (!state) return;
    able("lb-undo", state.undo);
    able("lb-redo", state.redo);
    document.querySelector("[data-next-problem]").hidden = !state.open;
    document.querySelectorAll("#builder .lb-problem").forEach((slot) => {
      const field = document.getElementById(slot.dataset.for);
      if (!field || !field.matches("input, select, textarea")) return;
      if (slot.textContent.trim()) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    });
  }
  document.addEventListener("DOMContentLoaded", mark);
  document.addEventListener("htmx:afterSettle", mark);
})();
