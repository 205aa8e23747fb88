import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { build } from 'esbuild'
import ts from 'typescript'
import { describe, expect, inject, it } from 'vitest'
import { publicSubpaths, readManifest } from '../../../tools/workspace.mjs'
import { members } from '../run.js'

const ROOT = join(import.meta.dirname, '../../..')
const ALLOWED = /^(?:LICENSE|README\.md|CHANGELOG\.md|package\.json|(?:bin|dist|examples|src)\/.*)$/
/** The page of the gateway: served as files, not imported. */
const SERVED = ['app.js', 'icon.svg', 'index.html', 'style.css']

interface SourceMap {
  sources: string[]
  sourcesContent?: (string | null)[]
}

describe.each(members.map(({ manifest }) => manifest.name))('the tarball of %s', (name) => {
  const folder = join(inject('everything'), 'node_modules', name)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .filter((path) => !path.startsWith('node_modules/'))
  const inDist = files.filter((path) => path.startsWith('dist/'))
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8')

  it('has a licence, a README, the build and the sources, and nothing else', () => {
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']))
    expect(files.filter((path) => !ALLOWED.test(path))).toEqual([])
    expect(files.filter((path) => /\.test\.|tsbuildinfo|\.tgz$|(?:^|\/)\./.test(path))).toEqual([])
  })

  it('has no code that no entry point loads', async () => {
    const scripts = inDist.filter((path) => path.endsWith('.js'))
    const loaded =
      name === '@nomyo/web' ? SERVED.map((file) => `dist/${file}`) : await loadedFiles(folder)
    const unused = scripts.filter((path) => !loaded.includes(path))
    expect(unused).toEqual([])
    expect(scripts.length).toBeGreaterThan(0)
  })

  it('has no types that no public subpath shows', () => {
    const types = inDist.filter((path) => path.endsWith('.d.ts'))
    expect(types.filter((path) => !shownTypes(folder).has(path))).toEqual([])
  })

  it('has source maps to files that it contains, by relative paths', () => {
    const maps = inDist.filter((path) => path.endsWith('.map'))
    const missing = maps.flatMap((path) => {
      const { sources, sourcesContent = [] } = JSON.parse(read(path)) as SourceMap
      return sources
        .filter((_, index) => typeof sourcesContent[index] !== 'string')
        .filter(
          (source) => !existsSync(resolve(folder, dirname(path), source)) || isAbsolute(source),
        )
    })
    expect(missing).toEqual([])
  })

  it('has the licences of the third parties whose code it contains, and no others', () => {
    const path = 'dist/third-party-notices.txt'
    const text = files.includes(path) ? read(path) : ''
    const names = [...text.matchAll(/^(\S+) \d+\.\d+\.\d+$/gm)].map(([, one]) => one)
    const isWhole = name === 'nomyo-js' || name === '@nomyo/web'
    const noble = ['@noble/curves', '@noble/hashes', '@noble/post-quantum']
    expect(names).toEqual(isWhole ? expect.arrayContaining(noble) : [])
    expect(text.match(/Permission is hereby granted|Licensed under/g) ?? []).toHaveLength(
      names.length,
    )
  })

  it('has nothing of the machine that built it, and no reference to the workspace', () => {
    expect(files.filter((path) => read(path).includes(ROOT))).toEqual([])
    expect(read('package.json')).not.toMatch(/"(?:workspace|catalog|file|link):/)
  })
})

/** Files of a package that its programs and public modules load, also later. */
async function loadedFiles(folder: string): Promise<string[]> {
  const manifest = readManifest(folder)
  const bins = typeof manifest.bin === 'object' ? Object.values(manifest.bin) : []
  const platforms = Object.values(manifest.imports ?? {}).flatMap((conditions) =>
    Object.values(conditions).map((target) => target.default),
  )
  const entries = [...publicSubpaths(manifest).map(([, file]) => file), ...bins, ...platforms]
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: entries,
    bundle: true,
    packages: 'external',
    external: [...Object.keys(manifest.imports ?? {})],
    format: 'esm',
    platform: 'node',
    outdir: 'unused',
    metafile: true,
    write: false,
    logLevel: 'error',
  })
  return Object.keys(metafile.inputs)
}

/** Files of types that the types of public subpaths, and of the platforms beneath, import. */
function shownTypes(folder: string): Set<string> {
  const shown = new Set<string>()
  const visit = (path: string): void => {
    if (shown.has(path) || !existsSync(join(folder, path))) return
    shown.add(path)
    const text = readFileSync(join(folder, path), 'utf8')
    for (const { fileName } of ts.preProcessFile(text).importedFiles) {
      if (fileName.startsWith('.')) visit(join(dirname(path), fileName.replace(/\.js$/, '.d.ts')))
    }
  }
  const { imports = {}, ...manifest } = readManifest(folder)
  for (const [, , types] of publicSubpaths(manifest)) visit(join(types ?? ''))
  for (const { types } of Object.values(imports).flatMap((conditions) => Object.values(conditions)))
    visit(types.replace(/^\.\/src\/(.*)\.ts$/, 'dist/$1.d.ts'))
  return shown
}
