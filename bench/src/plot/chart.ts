import { EXCHANGE_CONTENDERS, type ExchangeContenderName } from '../exchange/contender.js'
import type { Result } from '../measure.js'
import type { Report } from '../report/print.js'
import { barPanel } from './bar-panel.js'
import { PANEL_HEIGHT, WIDTH, element, escapeText } from './svg.js'

/** Draws the main results as SVG for light and dark pages: calls beside plain ones, exchanges beside peers. */
export function drawChart({ results: { call, exchange }, machine }: Report): string {
  const panels = [call && callPanel(call), exchange && exchangePanel(exchange)]
  const drawn = panels.filter((panel) => panel !== undefined)
  const height = Math.max(1, drawn.length) * PANEL_HEIGHT
  const title = `Times of calls and of exchanges, measured on ${machine.cpu} with Node ${machine.node}`
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${WIDTH} ${height}`,
      role: 'img',
      'aria-labelledby': 'title',
    },
    element('title', { id: 'title' }, escapeText(title)),
    element('style', {}, STYLE),
    element('rect', { class: 'card', x: 1, y: 1, width: WIDTH - 2, height: height - 2, rx: 10 }),
    ...drawn.map((panel, index) =>
      element('g', { transform: `translate(0 ${index * PANEL_HEIGHT})` }, panel),
    ),
  )
}

const callPanel = ({ rows }: Result<'call'>): string =>
  barPanel({
    title: 'A whole call and its answer, ms (logarithmic: less is better)',
    contenders: { plain: 'plain fetch', wire2: 'wire 2', wire1: 'wire 1' },
    groups: rows.map(({ size, roundTripMs, plainMs, wire2Ms, oursMs }) => ({
      name: roundTripMs === 0 ? `${size}, same machine` : `${size}, ${roundTripMs} ms away`,
      values: [plainMs, wire2Ms, oursMs],
    })),
  })

const NAMES: Readonly<Record<ExchangeContenderName, string>> = {
  wire2: 'wire 2',
  wire1: 'wire 1',
  aes: 'bare AES',
  hpke: 'hpke',
  hpkeCore: '@hpke/core',
  ehbp: 'ehbp',
  jose: 'jose',
}

const exchangePanel = ({ rows }: Result<'exchange'>): string =>
  barPanel({
    title: 'Encryption alone: request and answer, both ends, ms',
    contenders: NAMES,
    groups: rows.map(({ size, times }) => ({
      name: size,
      values: EXCHANGE_CONTENDERS.map((name) => times[name]),
    })),
  })

const STYLE = `
.card { fill: #ffffff; stroke: #d0d7de }
.text { fill: #1f2328; font: 12px system-ui, sans-serif; text-anchor: middle }
.start { text-anchor: start }
.end { text-anchor: end }
.name { font-weight: 600; font-size: 15px }
.small { fill: #59636e; font-size: 10px }
.grid { stroke: #d0d7de; stroke-width: 1 }
.wire2 { fill: #0969da }
.wire1 { fill: #80ccff }
.plain, .aes { fill: #8c959f }
.hpke { fill: #1a7f37 }
.hpkeCore { fill: #6fdd8b }
.ehbp { fill: #bf8700 }
.jose { fill: #cf222e }
@media (prefers-color-scheme: dark) {
  .card { fill: #0d1117; stroke: #3d444d }
  .text { fill: #f0f6fc }
  .small { fill: #9198a1 }
  .grid { stroke: #2a313c }
  .wire2 { fill: #4493f8 }
  .wire1 { fill: #a5d6ff }
  .plain, .aes { fill: #9198a1 }
  .hpke { fill: #3fb950 }
  .hpkeCore { fill: #aceebb }
  .ehbp { fill: #d29922 }
  .jose { fill: #f85149 }
}
`
