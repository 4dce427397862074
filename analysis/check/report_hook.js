// First script of a page under test: remembers what goes wrong in those after it.
"use strict";
window.reportErrors = [];
addEventListener("error", (event) => window.reportErrors.push(String(event.message)));
addEventListener("unhandledrejection", (event) => window.reportErrors.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) =>
  window.reportErrors.push(`loads ${event.blockedURI}`),
);
console.error = (...words) => window.reportErrors.push(words.join(" "));
