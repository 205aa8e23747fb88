import { join } from 'node:path'
import { ESLint } from 'eslint'
import tseslint from 'typescript-eslint'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
/** Without types: what is checked here shows in the text alone, and so takes milliseconds. */
const eslint = new ESLint({ cwd: root, overrideConfig: [tseslint.configs.disableTypeChecked] })

const crypto = 'packages/crypto/src/errors.ts'

describe('the invariants of packages', () => {
  it.each([
    ['a default export', 'export default 1', 'no-restricted-syntax'],
    ['a default export in a list', 'const a = 1\nexport { a as default }', 'no-restricted-syntax'],
    ['export *', "export * from './errors.js'", 'no-restricted-syntax'],
    ['any', 'export const a = (b: any): unknown => b', '@typescript-eslint/no-explicit-any'],
    ['the console', "console.log('')", 'no-console'],
    ['Math.random', 'export const a = Math.random()', 'no-restricted-properties'],
    ['a variable at module level', 'let a = 1\nexport const b = () => a++', 'no-restricted-syntax'],
    ['an exported variable', 'export let a = 1', 'no-restricted-syntax'],
    [
      'a cache at module level',
      'export const a = new Map<string, string>()',
      'no-restricted-syntax',
    ],
    [
      'a list to be filled at module level',
      'export const a: string[] = []',
      'no-restricted-syntax',
    ],
    ['a static field', 'export class A { static b = 1 }', 'no-restricted-syntax'],
    [
      'a getter per object',
      'export const a = (b: () => 1) => ({ get c() { return b() } })',
      'no-restricted-syntax',
    ],
    ['an enum', 'export enum A { b }', 'no-restricted-syntax'],
    ['a namespace', 'export namespace A { export const b = 1 }', 'no-restricted-syntax'],
    ['Buffer', "export const a = Buffer.from('')", 'no-restricted-globals'],
    ['process', 'export const a = process.env', 'no-restricted-globals'],
    ['process by a detour', 'export const a = globalThis.process', 'no-restricted-globals'],
    ['a module of Node', "import 'node:fs'", 'no-restricted-imports'],
    ['a malformed comment', '/** @param a\n * @nonsense */\nexport const a = 1', 'tsdoc/syntax'],
  ])('refuse %s', async (_, code, rule) => {
    expect(await rulesBroken(crypto, code)).toContain(rule)
  })

  it.each([
    ['constants at module level', crypto, "export const a = new Map([['b', 1]])"],
    ['export * of the client', 'packages/nomyo-js/src/index.ts', "export * from '@nomyo/client'"],
    [
      'Node where it is a given',
      'packages/crypto/src/keys/node/index.ts',
      "import { open } from 'node:fs/promises'\nexport const a = [open, process.platform]",
    ],
    ['getters of classes', crypto, 'export class A { #b = 1; get b() { return this.#b } }'],
    ['default exports of tools', 'tsup.config.ts', 'export default {}'],
  ])('allow %s', async (_, file, code) => {
    expect(await rulesBroken(file, code)).toEqual([])
  })

  it('leave no code to nomyo-js', async () => {
    const file = 'packages/nomyo-js/src/index.ts'
    expect(await rulesBroken(file, 'export const a = 1')).toEqual(['no-restricted-syntax'])
  })
})

describe('apps', () => {
  const app = 'apps/gateway/src/main.ts'

  it('may use the process, not the console', async () => {
    expect(await rulesBroken(app, "process.stdout.write('')")).toEqual([])
    expect(await rulesBroken(app, "console.log('')")).toEqual(['no-console'])
  })
})

it.each([
  'packages/crypto/src/index.ts',
  'packages/crypto/test/any.test.ts',
  'tools/summarize-results.mjs',
])('a forgotten promise is an error in %s', async (file) => {
  const { rules } = await new ESLint({ cwd: root }).calculateConfigForFile(join(root, file))
  expect(rules['@typescript-eslint/no-floating-promises'][0]).toBe(2)
})

async function rulesBroken(file: string, code: string): Promise<(string | null)[]> {
  const results = await eslint.lintText(code, { filePath: join(root, file) })
  return results.flatMap(({ messages }) => messages.map(({ ruleId, message }) => ruleId ?? message))
}
