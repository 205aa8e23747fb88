import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { Report } from '../src/report/report.js'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** Runs the built program to its end. */
function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}

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

it('prints results alone, draws, and ends by its targets', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nomyo-bench-test-'))
  try {
    const plot = join(folder, 'chart.svg')
    const args = ['--only', 'bundles', '--json', '--check', '--plot', plot]
    const { code, stdout, stderr } = await bench(...args)
    const { results, targets, machine } = JSON.parse(stdout) as Report
    expect(machine.node).toBe(process.versions.node)
    expect(Object.keys(results)).toEqual(['bundles'])
    expect(results.bundles?.every(({ initialBytes }) => initialBytes > 1000)).toBe(true)
    expect(targets).toHaveLength(2)
    const missed = targets.filter(({ isMet }) => !isMet)
    expect(code).toBe(missed.length === 0 ? 0 : 1)
    for (const { what } of missed) expect(stderr).toContain(what)
    expect(await readFile(plot, 'utf8')).toMatch(/^<svg/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
