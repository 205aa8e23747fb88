import type { Scale } from './scale.js'

/** Width of the drawing, in pixels. */
export const WIDTH = 840
/** Height of a panel, in pixels. */
export const PANEL_HEIGHT = 300

/** Writes an element; contents are elements or come from {@link escapeText}. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  ...contents: string[]
): string {
  const written = Object.entries(attributes).map(([key, value]) => {
    // More digits of a coordinate only make files larger.
    const text = typeof value === 'number' ? String(Math.round(value * 10) / 10) : value
    return ` ${key}="${escapeText(text)}"`
  })
  const start = `<${name}${written.join('')}`
  return contents.length === 0 ? `${start} />` : `${start}>${contents.join('')}</${name}>`
}

/** Draws horizontal lines, each with its value at the left end. */
export function grid(
  ticks: readonly number[],
  y: Scale,
  [x1, x2]: readonly [number, number],
): string[] {
  return ticks.map(
    (tick) =>
      element('line', { class: 'grid', x1, x2, y1: y(tick), y2: y(tick) }) +
      label(String(tick), x1 - 8, y(tick) + 4, 'end'),
  )
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
