// Equations are marked up by pymdownx.arithmatex as \(...\) and \[...\]; KaTeX sets them. Material replaces pages in place.
function setEquations() {
  for (const place of document.querySelectorAll(".arithmatex:not([data-set])")) {
    place.dataset.set = "";
    katex.render(place.textContent.trim().slice(2, -2), place, {
      displayMode: place.tagName === "DIV",
      throwOnError: false,
    });
  }
}
document.addEventListener("DOMContentLoaded", setEquations);
