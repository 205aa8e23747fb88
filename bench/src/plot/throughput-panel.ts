import type { Result } from '../measure.js'
import { linearScale, logScale, ticksUpTo } from './scale.js'
import { PANEL_HEIGHT, WIDTH, element, grid, label } from './svg.js'

const LEFT = 56
const RIGHT = WIDTH - 40
const TOP = 60
const BOTTOM = PANEL_HEIGHT - 50

/** Draws requests a second by concurrency, with the RSA limit. */
export function throughputPanel({ rows, rsaPerSecond, cores }: Result<'gateway'>): string {
  const ticks = ticksUpTo(Math.max(rsaPerSecond, ...rows.map(({ perSecond }) => perSecond)))
  const y = linearScale([0, ticks.at(-1) ?? 1], [BOTTOM, TOP])
  const x = logScale(
    [rows[0]?.concurrency ?? 1, rows.at(-1)?.concurrency ?? 2],
    [LEFT + 20, RIGHT - 20],
  )
  const limit = y(rsaPerSecond)
  const points = rows.map((row) => ({ row, x: x(row.concurrency), y: y(row.perSecond) }))
  return [
    label('Gateway: requests a second, 1 KB each (more is better)', 20, 32, 'name start'),
    ...grid(ticks, y, [LEFT, RIGHT]),
    element('line', { class: 'limit', x1: LEFT, x2: RIGHT, y1: limit, y2: limit }),
    label(
      `RSA operations on ${cores} cores: ${rsaPerSecond.toFixed(0)}/s`,
      RIGHT,
      limit - 8,
      'end',
    ),
    element('polyline', {
      class: 'ours line',
      points: points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(' '),
    }),
    ...points.map(
      (point) =>
        element('circle', { class: 'ours', cx: point.x, cy: point.y, r: 4 }) +
        label(point.row.perSecond.toFixed(0), point.x, point.y + 20) +
        label(String(point.row.concurrency), point.x, BOTTOM + 18),
    ),
    label('requests at a time', (LEFT + RIGHT) / 2, BOTTOM + 38, 'small'),
  ].join('')
}
