// Makes elements out of plain values. Text becomes text nodes; there is no way from here to markup or to a script.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (/^(on|style$|srcdoc$)/i.test(name)) throw new Error(`the attribute ${name} is not used here`);
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);
/** A sign for the eye with the words for everybody else. */
export const sign = (glyph, words) => [h("span", { "aria-hidden": "true" }, glyph), h("span", { class: "vh" }, words)];
/** A part of the page with a heading that names it. */
export const section = (id, title, ...children) =>
  h("section", { id, "aria-labelledby": `${id}-h` }, h("h2", { id: `${id}-h` }, title), ...children);
/** Something wide that is scrolled by itself, by keyboard too. */
export const wide = (label, ...children) => h("div", { class: "wide", tabindex: 0, role: "group", "aria-label": label }, ...children);
export const block = (label, ...children) => h("pre", { tabindex: 0, role: "group", "aria-label": label }, ...children);
