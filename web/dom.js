// Elements from data, and the change of what is shown into what is to be shown: focus, scrolling and selection stay.

/// el("p", {class: "note", "data-key": id}, "text", other): false and null among the children are left out, and so are
/// attributes that are false or null. `style` is an object of custom properties.
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") for (const [property, one] of Object.entries(value)) made.style.setProperty(property, one);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== false && child != null));
  return made;
}

/// Gives `shown` these children in place of its own; what is alike stays. Elements with a data-key are told apart by it.
export function show(shown, ...children) {
  const fresh = document.createElement(shown.tagName);
  fresh.append(...children.flat(Infinity).filter((child) => child !== false && child != null));
  const focused = document.activeElement;
  becomeChildren(shown, fresh);
  // An element that is put elsewhere loses the focus.
  if (focused !== document.activeElement && shown.contains(focused)) focused.focus({ preventScroll: true });
}

const keyOf = (node) => node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined;
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function become(shown, fresh) {
  if (shown.nodeType === Node.TEXT_NODE) {
    if (shown.data !== fresh.data) shown.data = fresh.data;
    return;
  }
  for (const { name } of [...shown.attributes])
    if (name !== "style" && !fresh.hasAttribute(name)) shown.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (name !== "style" && shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  if (shown.style.cssText !== fresh.style.cssText) shown.style.cssText = fresh.style.cssText;
  becomeChildren(shown, fresh);
}

function becomeChildren(shown, fresh) {
  const keyed = new Map();
  for (const child of shown.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let at = shown.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    const found = key ? keyed.get(key) : at;
    if (found && found.parentNode === shown && alike(found, wanted)) {
      if (found === at) at = at.nextSibling;
      else shown.insertBefore(found, at);
      become(found, wanted);
    } else {
      shown.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}
