/** Makes and changes elements. Text is only ever set as text. */

/**
 * Makes an element.
 * @param {string} tag "button.primary" has a class
 * @param {Object<string, any>} [attributes] functions are listeners of the event of that name;
 *   false and null are left out
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {any}
 */
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const node = document.createElement(name);
  if (classes.length > 0) node.className = classes.join(' ');
  if (name === 'button') node.type = 'button';
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function')
      node.addEventListener(key, value);
    else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(key, value === true ? '' : String(value));
    }
  }
  node.append(...children.filter((child) => child || child === ''));
  return node;
}

/** Sets a text only where it differs, so that selections and readers are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets or removes an attribute where it differs. @param {string|boolean|number|null} value */
export function setAttribute(node, name, value) {
  if (value === false || value === null || value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

/** Shows or hides an element. */
export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Disables a button with a reason that can be read; null enables it. */
export function disable(button, reason) {
  const off = reason !== null && reason !== undefined && reason !== false;
  if (button.disabled !== off) button.disabled = off;
  setAttribute(button, 'title', off && reason !== true ? reason : null);
}

/** Draws at most once a frame; not at all while the tab is hidden. */
export class Frame {
  /** @param {() => void} draw */
  constructor(draw) {
    this.draw = draw;
    this.asked = false;
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }
}
