/** Width of the drawing, in pixels. */
export const WIDTH = 840
/** Height of a panel, in pixels. */
export const PANEL_HEIGHT = 300

/** Attributes of an element. */
export type Attributes = Readonly<Record<string, string | number>>

/** Writes an element; contents are elements or come from {@link escapeText}. */
export function element(name: string, attributes: Attributes, ...contents: string[]): string {
  const written = Object.entries(attributes)
    .map(
      ([key, value]) =>
        ` ${key}="${typeof value === 'number' ? rounded(value) : escapeText(value)}"`,
    )
    .join('')
  if (contents.length === 0) return `<${name}${written} />`
  return `<${name}${written}>${contents.join('')}</${name}>`
}

/** Writes a line of text; `x` and `y` are those of its baseline. */
export function label(text: string, x: number, y: number, classes = ''): string {
  return element('text', { class: `text ${classes}`.trim(), x, y }, escapeText(text))
}

export function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** Rounds a coordinate; more digits only make files larger. */
function rounded(value: number): string {
  return String(Math.round(value * 10) / 10)
}
