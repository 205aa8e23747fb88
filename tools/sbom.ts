// Writes the packages that an installation of everything published contains, as CycloneDX: sbom.cdx.json
// Run after a build, with pnpm on the path: tsx tools/sbom.ts
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { packAll } from './pack.js'

const root = join(import.meta.dirname, '..')
const temporary = mkdtempSync(join(tmpdir(), 'nomyo-sbom-'))
// npm names the whole after the folder.
const folder = join(temporary, 'nomyo')
// Without the settings of this workspace that pnpm puts into the environment.
const environment = Object.fromEntries(
  Object.entries(env).filter(([name]) => !/^p?npm_/i.test(name)),
)

const npm = (words: readonly string[]) =>
  execFileSync('npm', words, { cwd: folder, encoding: 'utf8', env: environment })

try {
  mkdirSync(folder)
  const packed = await packAll(root, folder)
  const manifest = { name: 'nomyo', version: '0.0.0', private: true }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--silent']
  npm(['install', ...quietly, ...packed.map(({ tarball }) => tarball)])
  const text = npm(['sbom', '--sbom-format', 'cyclonedx']).replaceAll(`file:${folder}/`, 'file:')
  writeFileSync(join(root, 'sbom.cdx.json'), text)
  const { components } = JSON.parse(text) as { components: unknown[] }
  console.log(`sbom.cdx.json: ${components.length} components`)
} finally {
  rmSync(temporary, { recursive: true })
}
