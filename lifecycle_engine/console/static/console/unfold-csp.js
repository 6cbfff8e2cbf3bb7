// Lets django-unfold run on Alpine's CSP build, which has no eval: the functions that the theme
// keeps as globals become reachable from its attributes, and the few expressions that the CSP
// build can't parse are replaced by ones that it can. No template of the theme is overridden.
(function () {
  "use strict";

  // htmx would insert a style element and evaluate attributes; the policy forbids both.
  if (window.htmx) {
    htmx.config.includeIndicatorStyles = false;
    htmx.config.allowEval = false;
  }

  const SIDEBAR = "sidebarDesktopOpen";

  // What Alpine's attributes may call. Wrapped: the CSP build refuses values that are globals.
  const shared = {
    sortRecords: (event) => window.sortRecords(event),
    moveRecords: (event) => moveRecords(event),
    formAction: (tab) =>
      location.pathname + location.search + (tab && tab !== "general" ? "#" + tab : ""),
  };

  function shell(primaryTab) {
    return {
      activeTab: primaryTab,
      sidebarMobileOpen: false,
      sidebarDesktopOpen: localStorage.getItem(SIDEBAR) !== "0",
      init() {
        this.activeTab = (primaryTab && getCurrentTab()) || primaryTab;
        this.$watch(SIDEBAR, (open) => localStorage.setItem(SIDEBAR, open ? "1" : "0"));
      },
    };
  }

  function rewrite(name, value) {
    if (typeof value !== "string") return value; // Bindings of an object are functions already.
    if (name === "x-data" && value.includes("localStorage.getItem('" + SIDEBAR)) {
      const tab = /activeTab: '([^']*)'/.exec(value);
      return "unfoldShell('" + (tab ? tab[1] : "") + "')";
    }
    if (name === "x-init" && value.includes("$watch('" + SIDEBAR)) {
      return "";
    }
    if (value.includes("localStorage.setItem('" + SIDEBAR)) {
      return SIDEBAR + " = !" + SIDEBAR;
    }
    if (name.endsWith(":action") && value.includes("window.location")) {
      return "formAction(activeTab)";
    }
    const condition = /^if \(([^{}]+)\) ([^{};]+)$/.exec(value);
    return condition ? "(" + condition[1] + ") && " + condition[2] : value;
  }

  document.addEventListener("alpine:init", () => {
    Alpine.mapAttributes(({ name, value }) => ({ name, value: rewrite(name, value) }));
    Alpine.data("theme", (...given) => Object.assign(theme(...given), shared));
    Alpine.data("searchForm", () => searchForm());
    Alpine.data("searchDropdown", () => searchDropdown());
    Alpine.data("searchCommand", () => searchCommand());
    Alpine.data("unfoldShell", shell);
  });
})();
