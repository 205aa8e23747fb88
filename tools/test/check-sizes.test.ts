import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sizeFindings, writeSizes } from '../check-sizes.mjs'
import { gzipBudgets } from '../sizes/budgets.mjs'
import { gzippedSize, unpackedSize } from '../sizes/measure.mjs'
import { publicSubpaths, readPublished } from '../workspace.mjs'

const figure = { name: '@a/b', text: '7.5 kB', bytes: [7500], budget: 8000 }
const readme = (said: string): string =>
  `| subpath | gzip |\n| --- | --- |\n| \`@a/b\` | ${said} |\n`

describe('sizeFindings', () => {
  it.each(['7.5 kB', '7.3 kB', '7.7 kB'])('lets %s pass for 7.5 kB', (said) => {
    expect(sizeFindings([figure], readme(said))).toEqual([])
  })

  it.each(['7.2 kB', '7.8 kB', '7.5 kB + 1.0 kB on demand', 'no kB'])('refuses %s', (said) => {
    expect(sizeFindings([figure], readme(said))).toHaveLength(1)
  })

  it('finds what passes its budget, has none, or is not in the README', () => {
    expect(sizeFindings([{ ...figure, budget: 7499 }], readme('7.5 kB'))).toHaveLength(1)
    expect(sizeFindings([{ ...figure, budget: undefined }], readme('7.5 kB'))).toHaveLength(1)
    expect(sizeFindings([figure], '# nothing')).toHaveLength(1)
    expect(sizeFindings([figure], readme('7.5 kB').replace('@a/b', '@a/b/c'))).toHaveLength(1)
  })

  it('holds the budget against what is loaded at once', () => {
    const split = { ...figure, text: '7.5 kB + 5.0 kB on demand', bytes: [7500, 5000] }
    expect(sizeFindings([split], readme('7.5 kB + 5.1 kB on demand'))).toEqual([])
    expect(sizeFindings([split], readme('7.5 kB + 6.0 kB on demand'))).toHaveLength(1)
    expect(sizeFindings([split], readme('7.5 kB'))).toHaveLength(1)
  })
})

it('writes the figures into the README', () => {
  const written = writeSizes([figure], readme('0.0 kB + 9.0 kB on demand'))
  expect(sizeFindings([figure], written)).toEqual([])
})

describe('measuring', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nomyo-sizes-'))
    await mkdir(join(folder, 'dist'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('tells what is loaded at once from what is loaded on demand', async () => {
    const long = Array.from({ length: 500 }, (_, index) => `${index * 7919}`).join()
    await write('part.js', `export const part = '${long}'`)
    await write('now.js', `import { part } from './part.js'\nconsole.log(part)`)
    await write('later.js', `import('./part.js').then(({ part }) => console.log(part))`)
    const now = await gzippedSize(join(folder, 'dist/now.js'))
    const later = await gzippedSize(join(folder, 'dist/later.js'))
    expect(now.onDemand).toBe(0)
    expect(now.initial).toBeGreaterThan(1000)
    expect(later.initial).toBeLessThan(300)
    expect(later.onDemand).toBeGreaterThan(1000)
  })

  it('counts scripts of an installed package, and neither maps nor types', async () => {
    await write('a.js', 'a'.repeat(100))
    await write('b.cjs', 'b'.repeat(10))
    await write('a.js.map', 'c'.repeat(1000))
    await write('a.d.ts', 'd'.repeat(1000))
    expect(unpackedSize(folder)).toBe(110)
  })

  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(folder, 'dist', name), text)
})

it('has a budget of every public subpath, and of nothing else', () => {
  const packages = readPublished(join(import.meta.dirname, '../..')).filter(
    ({ group }) => group === 'packages',
  )
  const names = packages.flatMap(({ manifest }) =>
    publicSubpaths(manifest).map(([subpath]) => manifest.name + subpath.slice(1)),
  )
  expect(Object.keys(gzipBudgets).sort()).toEqual(names.sort())
})
