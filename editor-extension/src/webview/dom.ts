/** Making elements without markup strings, so that nothing of a program is ever read as HTML. */

type Child = Node | string | null | undefined | false;

interface Properties {
  class?: string;
  title?: string;
  text?: string;
  on?: Record<string, (event: Event) => void>;
  attributes?: Record<string, string | number | boolean>;
}

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, properties?: Properties, ...children: Child[]): HTMLElementTagNameMap[K];
export function h(tag: string, properties?: Properties, ...children: Child[]): HTMLElement;
export function h(tag: string, properties: Properties = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  if (properties.class) element.className = properties.class;
  if (properties.title) element.title = properties.title;
  if (properties.text !== undefined) element.textContent = properties.text;
  for (const [name, value] of Object.entries(properties.attributes ?? {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false) element.setAttribute(name, String(value));
  }
  for (const [name, listener] of Object.entries(properties.on ?? {})) element.addEventListener(name, listener);
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

/** The element of an id, which the page is made with. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no ${id}`);
  return element;
}
