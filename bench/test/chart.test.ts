import { describe, expect, it } from 'vitest'
import { drawChart } from '../src/plot/chart.js'
import { decades, linearScale, logScale } from '../src/plot/scale.js'
import { element, label } from '../src/plot/svg.js'
import type { Results } from '../src/measure.js'
import { GOOD, IDLE } from './support/results.js'

const draw = (results: Results): string =>
  drawChart({ machine: IDLE, seconds: 1, sectionSeconds: {}, results, targets: [], notes: [] })
const count = (text: string, part: RegExp): number => [...text.matchAll(part)].length

describe('the chart', () => {
  it('has a bar for every call, and for every contender of an exchange', () => {
    const svg = draw(GOOD)
    expect(count(svg, /height="[\d.]+" \/>/g)).toBe(GOOD.call.rows.length * 3 + 3 * 7)
    expect(svg).toContain('1 KB, 40 ms away')
  })

  it('leaves out what was not measured', () => {
    expect(draw({ call: GOOD.call })).not.toContain('class="jose"')
    expect(draw({ exchange: GOOD.exchange })).not.toContain('class="plain"')
    expect(draw({})).toMatch(/^<svg .*<\/svg>$/s)
  })

  it('holds no number that is none, and text as text', () => {
    const svg = draw(GOOD)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    expect(svg).toContain('A &lt;fast&gt; &quot;one&quot; &amp; more')
  })

  it('has colours of its own on dark pages', () => {
    expect(draw(GOOD)).toContain('@media (prefers-color-scheme: dark)')
  })
})

it('elements escape their attributes and shorten their numbers', () => {
  expect(element('a', { b: '"<&' })).toBe('<a b="&quot;&lt;&amp;" />')
  expect(element('a', { b: 1.23456 }, label('x < y', 1, 2))).toBe(
    '<a b="1.2"><text class="text" x="1" y="2">x &lt; y</text></a>',
  )
})

it('scales lead from values to pixels', () => {
  expect(linearScale([0, 10], [100, 0])(2.5)).toBe(75)
  expect(logScale([1, 100], [0, 200])(10)).toBeCloseTo(100)
})

it.each([
  [
    [2, 700],
    [1, 10, 100, 1000],
  ],
  [
    [0.5, 3],
    [0.1, 1, 10],
  ],
  [
    [1, 1],
    [1, 10],
  ],
])('decades around %j', (values, expected) =>
  expect(decades(values).map((one) => Number(one.toPrecision(6)))).toEqual(expected),
)
