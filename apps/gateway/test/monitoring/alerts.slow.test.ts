import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInstalled, temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const RULES = pathOf('../../examples/prometheus-alerts.yaml')
const TESTS = pathOf('alerts.promtool.yaml')

describe.skipIf(!isInstalled('promtool'))('promtool reads the alert rules, which', () => {
  it('are valid', () => {
    execFileSync('promtool', ['check', 'rules', '--lint-fatal', RULES], { stdio: 'pipe' })
  })

  it('fire for their fault, and not for a healthy gateway', () => {
    execFileSync('promtool', ['test', 'rules', TESTS], { stdio: 'pipe' })
    const [rules, tests] = [readFileSync(RULES, 'utf8'), readFileSync(TESTS, 'utf8')]
    const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
    expect(names.filter((name) => !tests.includes(`alertname="${name!}"`))).toEqual([])
  })

  it('have tests that fail for another alert', () => {
    const path = join(temporaryFolder(), 'tests.yaml')
    const run = (text: string): void => {
      writeFileSync(path, text)
      execFileSync('promtool', ['test', 'rules', path], { stdio: 'pipe' })
    }
    const copy = readFileSync(TESTS, 'utf8').replace(/^rule_files: .*$/m, `rule_files: [${RULES}]`)
    run(copy)
    expect(() => {
      run(copy.replace('"NomyoRedisDown"', '"NomyoOther"'))
    }).toThrow()
  })

  it('and the dashboard has queries of the right types', () => {
    const dashboard = JSON.parse(
      readFileSync(pathOf('../../examples/grafana-dashboard.json'), 'utf8'),
    ) as { panels: { targets?: { expr: string }[] }[] }
    const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    expect(queries.length).toBeGreaterThan(30)
    const path = join(temporaryFolder(), 'queries.yaml')
    const check = (expressions: readonly string[]): void => {
      const rules = expressions.map((expr, n) => ({
        record: `query:${n}`,
        expr: expr.replaceAll('$__rate_interval', '5m').replace(/\$(?:job|instance)\b/g, '.*'),
      }))
      // JSON is a part of YAML.
      writeFileSync(path, JSON.stringify({ groups: [{ name: 'queries', rules }] }))
      execFileSync('promtool', ['check', 'rules', path], { stdio: 'pipe' })
    }
    check(queries)
    expect(() => {
      check([...queries, 'rate(nomyo_requests_total)'])
    }).toThrow()
  })
})
