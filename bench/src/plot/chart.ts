import type { Report } from '../report/print.js'
import { sealPanel } from './seal-panel.js'
import { PANEL_HEIGHT, WIDTH, element, escapeText } from './svg.js'
import { throughputPanel } from './throughput-panel.js'

/** Draws the main results as SVG for light and dark pages: sealing beside peers, the gateway beside its limit. */
export function drawChart({ results: { seal, gateway }, machine }: Report): string {
  const panels = [seal && sealPanel(seal), gateway && throughputPanel(gateway)]
  const drawn = panels.filter((panel) => panel !== undefined)
  const height = Math.max(1, drawn.length) * PANEL_HEIGHT
  const title = `Times of sealing and requests a second, measured on ${machine.cpu} with Node ${machine.node}`
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

const STYLE = `
.card { fill: #ffffff; stroke: #d0d7de }
.text { fill: #1f2328; font: 12px system-ui, sans-serif; text-anchor: middle }
.start { text-anchor: start }
.end { text-anchor: end }
.name { font-weight: 600; font-size: 15px }
.small { fill: #59636e; font-size: 10px }
.grid { stroke: #d0d7de; stroke-width: 1 }
.ours { fill: #0969da; stroke: #0969da }
.naive { fill: #8c959f }
.webcrypto { fill: #bf8700 }
.jose { fill: #cf222e }
.hpke { fill: #1a7f37 }
.baseline { fill: #57606a }
.line { fill: none; stroke-width: 2.5 }
.limit { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
  .card { fill: #0d1117; stroke: #3d444d }
  .text { fill: #f0f6fc }
  .small { fill: #9198a1 }
  .grid { stroke: #2a313c }
  .ours { fill: #4493f8; stroke: #4493f8 }
  .naive { fill: #9198a1 }
  .webcrypto { fill: #d29922 }
  .jose { fill: #f85149 }
  .hpke { fill: #3fb950 }
  .baseline { fill: #656c76 }
  .line { fill: none }
  .limit { stroke: #f85149 }
}
`
