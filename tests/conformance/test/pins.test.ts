import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageFolder } from '../src/package-folder.js'

const read = async (file: string) =>
  JSON.parse(await readFile(join(packageFolder, 'runtimes', file), 'utf8'))

describe('the pinned runtimes', () => {
  it('have exact versions and hashes', async () => {
    const { dependencies } = await read('package.json')
    const { packages } = await read('package-lock.json')
    expect(Object.keys(dependencies)).toHaveLength(7)
    for (const [id, wanted] of Object.entries<string>(dependencies)) {
      const { name, version, integrity } = packages[`node_modules/${id}`]
      expect(wanted).toBe(`npm:${name}@${version}`)
      expect(integrity).toMatch(/^sha512-/)
    }
  })

  it('are the versions that the README promises', async () => {
    const { packages } = await read('package-lock.json')
    const readme = await readFile(join(packageFolder, '../../README.md'), 'utf8')
    const versions = Object.entries<{ version?: string }>(packages).flatMap(
      ([path, { version }]) => (path === '' ? [] : [version]),
    )
    expect(versions.filter((version) => !readme.includes(` ${version}`))).toEqual([])
  })
})
