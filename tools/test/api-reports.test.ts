import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { reportFindings, writeReports } from '../api-reports.mjs'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'nomyo-api-'))
  await symlink(join(import.meta.dirname, '../../node_modules'), join(root, 'node_modules'))
  const types = (name: string): object => ({ types: `./${name}.d.ts`, default: `./${name}.js` })
  const exports = { '.': types('index'), './more': types('more') }
  await write(
    'packages/sum/package.json',
    JSON.stringify({ name: '@a/sum', version: '1.0.0', exports }),
  )
  await write(
    'packages/sum/index.d.ts',
    'export declare function sum(a: number, b: number): number',
  )
  await write('packages/sum/more.d.ts', 'export declare const more: 1')
})
afterEach(() => rm(root, { recursive: true }))

it('writes a report of every public subpath', async () => {
  writeReports(root, join(root, 'api'))
  const report = await readFile(join(root, 'api/a-sum.api.md'), 'utf8')
  expect(report).toContain('export function sum(a: number, b: number): number')
  expect(await readFile(join(root, 'api/a-sum-more.api.md'), 'utf8')).toContain('more: 1')
})

it('finds what was changed, removed and added', async () => {
  await write('before/a.md', 'one\ntwo')
  await write('now/a.md', 'one\nthree')
  await write('before/gone.md', '')
  await write('now/new.md', '')
  const folders = [join(root, 'before'), join(root, 'now')] as const
  expect(reportFindings(...folders)).toEqual([
    expect.stringContaining('a.md'),
    '- two',
    '+ three',
    expect.stringContaining('gone.md'),
    expect.stringContaining('new.md'),
  ])
  expect(reportFindings(folders[0], folders[0])).toEqual([])
})

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}
