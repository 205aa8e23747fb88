// Publishes, or shows what publishing would do: versions, changelogs, tarballs.
// node tools/release.mjs --dry-run | --publish
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { npm } from './packages/npm.mjs'
import { packAll } from './packages/pack.mjs'
import { readPublished } from './workspace.mjs'

/**
 * Why nothing may be published from here.
 *
 * @param {object} state
 * @param {readonly import('./workspace.mjs').Manifest[]} state.manifests of what would be published
 * @param {readonly string[]} state.changesets that are not in a version yet
 * @param {string} state.uncommitted as `git status --porcelain` says it
 * @returns {string[]}
 */
export function publishFindings({ manifests, changesets, uncommitted }) {
  const homeless = manifests.filter(({ repository }) => repository === undefined)
  return [
    ...homeless.map(({ name }) => `${name} has no "repository": provenance names one`),
    ...(changesets.length > 0 ? ['changesets wait: pnpm changeset version, and commit'] : []),
    ...(uncommitted === '' ? [] : ['there are changes that are not committed']),
  ]
}

/**
 * Does all but publishing, with what is committed, in a copy: nothing here is changed.
 *
 * @param {string} root
 */
async function dryRun(root) {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-release-'))
  try {
    const copy = join(folder, 'copy')
    run('git', ['clone', '--quiet', root, copy], root)
    run('pnpm', ['install', '--frozen-lockfile', '--prefer-offline', '--silent'], copy)
    run('pnpm', ['exec', 'changeset', 'version'], copy)
    run('pnpm', ['run', 'build'], copy)
    const tarballs = join(folder, 'tarballs')
    mkdirSync(tarballs)
    for (const { tarball } of await packAll(copy, tarballs)) {
      // Provenance needs the identity of a CI run: only there it can be made.
      const publish = ['publish', tarball, '--dry-run', '--json', '--provenance=false']
      const { id, size, unpackedSize, entryCount } = published(npm(publish, folder))
      const file = basename(tarball)
      console.log(
        `${id.padEnd(26)} ${file.padEnd(30)} ${size} bytes, ${unpackedSize} unpacked, ${entryCount} files`,
      )
    }
    const changed = run('git', ['status', '--porcelain'], copy).trim().split('\n')
    console.log(
      `${changed.length} files would be changed by the new version; nothing was published`,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** @param {string} root */
function publish(root) {
  const changesets = readdirSync(join(root, '.changeset')).filter((name) => name.endsWith('.md'))
  const manifests = readPublished(root).map(({ manifest }) => manifest)
  const uncommitted = run('git', ['status', '--porcelain'], root)
  const findings = publishFindings({ manifests, changesets, uncommitted })
  if (findings.length > 0) {
    console.log(['Nothing was published.', ...findings].join('\n'))
    process.exitCode = 1
    return
  }
  run('pnpm', ['install', '--frozen-lockfile'], root)
  run('pnpm', ['run', 'build'], root)
  console.log(run('pnpm', ['--recursive', 'publish', '--access', 'public'], root))
}

/**
 * What npm says of one package; some versions say it under the name of the package.
 *
 * @param {string} output
 * @returns {{ id: string, size: number, unpackedSize: number, entryCount: number }}
 */
function published(output) {
  const said = JSON.parse(output)
  return 'id' in said ? said : Object.values(said)[0]
}

/**
 * @param {string} program
 * @param {string[]} words
 * @param {string} cwd
 */
const run = (program, words, cwd) =>
  execFileSync(program, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const root = join(import.meta.dirname, '..')
  if (argv[2] === '--dry-run') await dryRun(root)
  else if (argv[2] === '--publish') publish(root)
  else {
    console.log('pnpm release --dry-run | --publish')
    process.exitCode = 1
  }
}
