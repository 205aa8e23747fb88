import { short } from '../report/table.js'
import { decades, logScale, type Scale } from './scale.js'
import { PANEL_HEIGHT, WIDTH, element, grid, label } from './svg.js'

const LEFT = 56
const RIGHT = WIDTH - 20
const TOP = 84
const BOTTOM = PANEL_HEIGHT - 34
const BAR = 26
const LEGEND_STEP = 115

/** Bars of several contenders in groups, on a logarithmic axis. */
export interface BarPanel {
  readonly title: string
  /** Texts of the legend by class of the style sheet. */
  readonly contenders: Readonly<Record<string, string>>
  readonly groups: readonly {
    readonly name: string
    /** In the order of the contenders. */
    readonly values: readonly number[]
  }[]
}

/** Draws a panel. */
export function barPanel({ title, contenders, groups }: BarPanel): string {
  const classes = Object.keys(contenders)
  const ticks = decades(groups.flatMap(({ values }) => values))
  const y = logScale([ticks[0] ?? 1, ticks.at(-1) ?? 10], [BOTTOM, TOP])
  const width = (RIGHT - LEFT) / groups.length
  return [
    label(title, 20, 32, 'name start'),
    ...Object.entries(contenders).map(legend),
    ...grid(ticks, y, [LEFT, RIGHT]),
    ...groups.flatMap(({ name, values }, index) => {
      const middle = LEFT + width * (index + 0.5)
      return [...bars(classes, values, middle, y), label(name, middle, BOTTOM + 18)]
    }),
  ].join('')
}

function legend([name, text]: readonly [string, string], index: number): string {
  const x = 20 + index * LEGEND_STEP
  return (
    element('rect', { class: name, x, y: 46, width: 11, height: 11, rx: 2 }) +
    label(text, x + 16, 56, 'start')
  )
}

function bars(
  classes: readonly string[],
  values: readonly number[],
  middle: number,
  y: Scale,
): string[] {
  const start = middle - (values.length / 2) * BAR
  return values.map((value, index) => {
    const x = start + index * BAR
    const top = y(value)
    return (
      element('rect', {
        class: classes[index] ?? '',
        x: x + 2,
        y: top,
        width: BAR - 4,
        height: BOTTOM - top,
      }) + label(short(value), x + BAR / 2, top - 4, 'small')
    )
  })
}
