import { join } from 'node:path'
import { startProgram } from '@nomyo-internal/testing/program'
import { expect, it } from 'vitest'
import type { Report } from '../src/report/print.js'

const MAIN = join(import.meta.dirname, '../dist/main.js')

/** Runs the built program to its end. */
const bench = (...args: string[]) => startProgram(process.execPath, [MAIN, ...args]).ended

it('ends with 2 for a command line that makes no sense, and measures nothing', async () => {
  const { code, stdout, stderr } = await bench('--chek')
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain('--help')
})

it('gives help', async () => {
  const { code, stdout } = await bench('--help')
  expect(code).toBe(0)
  expect(stdout).toContain('--check')
})

it('calls the SDK of OpenAI with and without encryption, and starts every program', async () => {
  const { code, stdout } = await bench('--only', 'sdk,programs', '--quick', '--json')
  const { results, targets } = JSON.parse(stdout) as Report
  expect([code, Object.keys(results)]).toEqual([0, ['sdk', 'programs']])
  const times = results.sdk?.rows.flatMap((row) => Object.values(row.times)) ?? []
  expect([times.length, times.every((ms) => ms > 0)]).toEqual([8, true])
  expect(targets.every(({ what, measured }) => what.endsWith('--help') && measured > 0)).toBe(true)
})

it('prints results alone, and ends by its targets', async () => {
  const { code, stdout, stderr } = await bench('--only', 'bundles', '--json', '--check')
  const { results, targets, machine } = JSON.parse(stdout) as Report
  expect(machine.node).toBe(process.versions.node)
  expect(Object.keys(results)).toEqual(['bundles'])
  expect(results.bundles?.every(({ initialBytes }) => initialBytes > 1000)).toBe(true)
  expect(targets).toHaveLength(5)
  const missed = targets.filter(({ isMet }) => !isMet)
  expect(code).toBe(missed.length === 0 ? 0 : 1)
  for (const { what } of missed) expect(stderr).toContain(what)
})
