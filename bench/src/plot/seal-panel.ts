import { short } from '../report/table.js'
import { CONTENDERS, type ContenderName } from '../seal/contender.js'
import type { SealRow } from '../seal/seal.js'
import { decades, logScale, type Scale } from './scale.js'
import { PANEL_HEIGHT, WIDTH, element, grid, label } from './svg.js'

const LEFT = 56
const RIGHT = WIDTH - 20
const TOP = 84
const BOTTOM = PANEL_HEIGHT - 34
const BAR = 26
const LEGEND_STEP = 135

/** Draws seal + open of ASCII requests by contender, as bars on a logarithmic axis. */
export function sealPanel(result: readonly SealRow[]): string {
  const rows = result.filter(({ text }) => text === 'ascii')
  const ticks = decades(rows.flatMap(({ times }) => CONTENDERS.map((name) => times[name].sumMs)))
  const y = logScale([ticks[0] ?? 1, ticks.at(-1) ?? 10], [BOTTOM, TOP])
  const group = (RIGHT - LEFT) / rows.length
  return [
    label('Seal + open of a chat request, ms (logarithmic: less is better)', 20, 32, 'name start'),
    ...CONTENDERS.map(legend),
    ...grid(ticks, y, [LEFT, RIGHT]),
    ...rows.flatMap((row, index) => bars(row, LEFT + group * (index + 0.5), y)),
  ].join('')
}

const NAMES: Readonly<Record<ContenderName, string>> = {
  ours: '@nomyo/crypto',
  naive: 'bare node:crypto',
  webcrypto: 'bare WebCrypto',
  jose: 'jose (JWE)',
  hpke: '@hpke/core',
  baseline: 'cryptography alone',
}

function legend(name: ContenderName, index: number): string {
  const x = 20 + index * LEGEND_STEP
  return (
    element('rect', { class: name, x, y: 46, width: 11, height: 11, rx: 2 }) +
    label(NAMES[name], x + 16, 56, 'start')
  )
}

function bars({ size, times }: SealRow, middle: number, y: Scale): string[] {
  const start = middle - (CONTENDERS.length / 2) * BAR
  return [
    ...CONTENDERS.map((name, index) => {
      const { sumMs } = times[name]
      const x = start + index * BAR
      const top = y(sumMs)
      return (
        element('rect', { class: name, x: x + 2, y: top, width: BAR - 4, height: BOTTOM - top }) +
        label(short(sumMs), x + BAR / 2, top - 4, 'small')
      )
    }),
    label(size, middle, BOTTOM + 18),
  ]
}
