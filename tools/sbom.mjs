// Writes what an installation of everything published consists of, as CycloneDX: sbom.cdx.json
// Run after a build, with pnpm on the path: node tools/sbom.mjs
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npm } from './packages/npm.mjs'
import { packAll } from './packages/pack.mjs'

const root = join(import.meta.dirname, '..')
const temporary = mkdtempSync(join(tmpdir(), 'nomyo-sbom-'))
// npm takes the name of the whole from the folder.
const folder = join(temporary, 'nomyo')
try {
  mkdirSync(folder)
  const packed = await packAll(root, folder)
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "nomyo", "version": "0.0.0", "private": true }',
  )
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  npm(['install', ...quietly, ...packed.map(({ tarball }) => tarball)], folder)
  const text = npm(['sbom', '--sbom-format', 'cyclonedx'], folder).replaceAll(
    `file:${folder}/`,
    'file:',
  )
  writeFileSync(join(root, 'sbom.cdx.json'), text)
  const { components } = /** @type {{ components: unknown[] }} */ (JSON.parse(text))
  console.log(`sbom.cdx.json: ${components.length} components`)
} finally {
  rmSync(temporary, { recursive: true })
}
