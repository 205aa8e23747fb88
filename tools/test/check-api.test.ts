import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import { checkReports } from '../check-api.js'

it('writes a report of every public subpath, and finds what changed', async () => {
  const root = temporaryFolder()
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  const target = (name: string): object => ({ types: `./${name}.d.ts`, default: `./${name}.js` })
  const exports = { '.': target('index'), './more': target('more') }
  await symlink(join(import.meta.dirname, '../../node_modules'), join(root, 'node_modules'))
  await write(
    'packages/sum/package.json',
    JSON.stringify({ name: '@a/sum', version: '1.0.0', exports }),
  )
  await write(
    'packages/sum/index.d.ts',
    'export declare function sum(a: number, b: number): number',
  )
  await write('packages/sum/more.d.ts', 'export declare const more: 1')
  await write('api/gone.api.md', '')

  expect(checkReports(root, false)).toEqual([
    expect.stringContaining('a-sum.api.md'),
    expect.stringContaining('a-sum-more.api.md'),
    expect.stringContaining('gone.api.md'),
  ])
  checkReports(root, true)
  expect(checkReports(root, false)).toEqual([])
  const report = await readFile(join(root, 'api/a-sum.api.md'), 'utf8')
  expect(report).toContain('export function sum(a: number, b: number): number')

  await write('packages/sum/more.d.ts', 'export declare const more: 2')
  const [, ...differences] = checkReports(root, false)
  expect(differences.join('\n')).toContain('-export const more: 1;\n+export const more: 2;')
})
