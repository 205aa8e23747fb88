import { readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder, writeFiles } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import { checkReports } from '../check-api.js'

it('writes a report of every public subpath, and finds what changed', async () => {
  const root = temporaryFolder()
  const target = (name: string): object => ({ types: `./${name}.d.ts`, default: `./${name}.js` })
  const exports = { '.': target('index'), './more': target('more') }
  await symlink(join(import.meta.dirname, '../../node_modules'), join(root, 'node_modules'))
  writeFiles(root, {
    'packages/sum/package.json': JSON.stringify({ name: '@a/sum', version: '1.0.0', exports }),
    'packages/sum/index.d.ts': 'export declare function sum(a: number, b: number): number',
    'packages/sum/more.d.ts': 'export declare const more: 1',
    'api/gone.api.md': '',
  })

  expect(checkReports(root, false)).toEqual([
    expect.stringContaining('a-sum.api.md'),
    expect.stringContaining('a-sum-more.api.md'),
    expect.stringContaining('gone.api.md'),
  ])
  checkReports(root, true)
  expect(checkReports(root, false)).toEqual([])
  const report = await readFile(join(root, 'api/a-sum.api.md'), 'utf8')
  expect(report).toContain('export function sum(a: number, b: number): number')

  writeFiles(root, { 'packages/sum/more.d.ts': 'export declare const more: 2' })
  const [, ...differences] = checkReports(root, false)
  expect(differences.join('\n')).toContain('-export const more: 1;\n+export const more: 2;')
})
