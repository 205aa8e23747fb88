import { readFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { watchModel } from '../../src/observability/metrics/model-metrics.js'
import { startGateway } from '../support.js'
import { usedMetrics } from './promql.js'

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** Labels that Prometheus adds, and those of histograms and summaries. */
const COMMON_LABELS = ['job', 'instance', 'le', 'quantile']

/** Labels of every metric, by name. */
const metrics = new Map<string, readonly string[]>([['up', []]])

beforeAll(async () => {
  const register = vi.spyOn(Registry.prototype, 'registerMetric')
  const down = ['--upstream', 'http://127.0.0.1:1/v1', '--redis', 'redis://127.0.0.1:1']
  const gateway = await startGateway({
    args: [...down, '--redis-failure', 'degrade', '--metrics-port', '0'],
  })
  await gateway.stop()
  watchModel(new Registry(), () => 0)
  for (const [metric] of register.mock.calls) {
    const { name, labelNames } = metric as unknown as { name: string; labelNames: string[] }
    for (const suffix of ['', '_bucket', '_sum', '_count']) metrics.set(name + suffix, labelNames)
  }
  register.mockRestore()
})

/** Faults of an expression: metrics and labels that do not exist. */
const faults = (expression: string): string[] =>
  usedMetrics(expression).flatMap(({ metric, labels }) => {
    const known = metrics.get(metric)
    if (known === undefined) return [metric]
    return labels
      .filter((label) => !known.includes(label) && !COMMON_LABELS.includes(label))
      .map((label) => `${metric}{${label}}`)
  })

const labelsOf = (expression: string): string[] => [
  ...COMMON_LABELS,
  ...usedMetrics(expression).flatMap(({ metric }) => metrics.get(metric) ?? []),
]

describe('the check of expressions', () => {
  it.each([
    ['nomyo_nothing == 0', ['nomyo_nothing']],
    ['sum by (colour) (rate(nomyo_requests_total{shape="x"}[5m]))', ['shape', 'colour']],
    ['sum by (status) (nomyo_requests_total) / sum by (key) (nomyo_shed_total)', ['key']],
    ['histogram_quantile(0.9, sum by (le, step) (nomyo_step_duration_seconds_bucket))', []],
  ])('finds the faults of %s', (expression, found) => {
    const names = faults(expression).map((fault) => /\{(.*)\}/.exec(fault)?.[1] ?? fault)
    expect(names).toEqual(found)
  })

  it('refuses what is no PromQL', () => {
    expect(() => usedMetrics('sum by (rate(')).toThrow(Error)
  })
})

describe('the alert rules', () => {
  const rule = z.strictObject({
    alert: z.string().regex(/^Nomyo[A-Z]\w+$/),
    expr: z.string().min(1),
    for: z
      .string()
      .regex(/^\d+[mh]$/)
      .optional(),
    labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']) }),
    annotations: z.strictObject({ summary: z.string().min(1) }),
  })
  const file = z.strictObject({
    groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule).min(1) })).min(1),
  })
  const rules = file
    .parse(parse(read('examples/prometheus-alerts.yaml')))
    .groups.flatMap((group) => group.rules)

  it.each(rules.map((one) => [one.alert, one] as const))('%s uses what exists', (_, one) => {
    expect(faults(one.expr)).toEqual([])
    const shown = [...one.annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, name]) => name)
    expect(shown.filter((name) => !labelsOf(one.expr).includes(name!))).toEqual([])
  })

  it('have a name each, and a row in the guide for operators', () => {
    const names = rules.map(({ alert }) => alert)
    expect(new Set(names).size).toBe(names.length)
    const guide = read('../../docs/operators.md')
    const rows = [...guide.matchAll(/^\| `(Nomyo\w+)` +\| .{10,} \| .{10,} \|$/gm)]
    expect(rows.map(([, name]) => name).sort()).toEqual(names.sort())
  })
})

it('lists every metric with its labels in the guide', () => {
  const guide = read('../../docs/gateway/operation.md')
  const listed = [...guide.matchAll(/^\| `(nomyo_\w+)` +\| (.*?) +\|/gm)].map(
    ([, name = '', labels = '']) => [name, [...labels.matchAll(/\w+/g)].map(([label]) => label)],
  )
  const own = [...metrics].filter(
    ([name]) => name.startsWith('nomyo_') && !/_(?:bucket|sum|count)$/.test(name),
  )
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(own))
})

describe('the dashboard', () => {
  const place = z.strictObject({ x: z.int(), y: z.int(), w: z.int(), h: z.int() })
  const target = z.looseObject({ refId: z.string(), expr: z.string(), legendFormat: z.string() })
  const panel = z.looseObject({
    id: z.int(),
    type: z.enum(['row', 'stat', 'timeseries', 'bargauge']),
    title: z.string().min(1),
    gridPos: place,
    targets: z.array(target).default([]),
  })
  const variable = z.looseObject({
    name: z.string(),
    type: z.enum(['datasource', 'query']),
    query: z.union([z.string(), z.looseObject({ query: z.string() })]),
  })
  const dashboard = z
    .looseObject({
      uid: z.string().max(40),
      title: z.string(),
      schemaVersion: z.int().min(39),
      time: z.strictObject({ from: z.string(), to: z.string() }),
      templating: z.strictObject({ list: z.array(variable) }),
      panels: z.array(panel),
    })
    .parse(JSON.parse(read('examples/grafana-dashboard.json')))
  const { panels, templating } = dashboard

  /** Puts values in the place of Grafana's variables. */
  const expand = (expression: string): string =>
    expression.replaceAll('$__rate_interval', '5m').replace(/\$(?:job|instance)\b/g, '.*')

  it.each(panels.map((one) => [one.title, one] as const))(
    '%s uses what exists',
    (_, { targets }) => {
      for (const { expr, legendFormat } of targets) {
        const expression = expand(expr)
        expect(expression).not.toContain('$')
        expect(faults(expression)).toEqual([])
        const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name)
        expect(shown.filter((name) => !labelsOf(expression).includes(name!))).toEqual([])
      }
    },
  )

  it('has variables for the data source, jobs and instances', () => {
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance'])
    for (const { query } of templating.list) {
      const [, selector] =
        /^label_values\((.*), \w+\)$/.exec(typeof query === 'string' ? query : query.query) ?? []
      if (selector !== undefined) expect(faults(expand(selector))).toEqual([])
    }
  })

  it('has ids and places that are used once', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(panels.every(({ gridPos: { x, w } }) => x >= 0 && x + w <= 24)).toBe(true)
  })

  it('shows every metric of the gateway', () => {
    const shown = new Set(
      panels.flatMap(({ targets }) =>
        targets.flatMap(({ expr }) => usedMetrics(expand(expr)).map(({ metric }) => metric)),
      ),
    )
    const own = [...metrics.keys()].filter((name) => name.startsWith('nomyo_'))
    const missing = own.filter(
      (name) =>
        !/_(?:bucket|sum|count)$/.test(name) && !shown.has(name) && !shown.has(`${name}_bucket`),
    )
    expect(missing).toEqual([])
  })
})
