import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readPublished } from './workspace.mjs'

/**
 * Packs everything that is published, as it is published. Needs the build, and pnpm on the path.
 *
 * @param {string} root
 * @param {string} folder where the tarballs go
 * @returns {Promise<{ name: string, tarball: string }[]>}
 */
export async function packAll(root, folder) {
  const words = ['pack', '--json', '--pack-destination', folder]
  return Promise.all(
    readPublished(root).map(async (member) => {
      const { stdout } = await promisify(execFile)('pnpm', words, { cwd: member.folder })
      const { filename } = /** @type {{ filename: string }} */ (JSON.parse(stdout))
      return { name: member.manifest.name, tarball: filename }
    }),
  )
}
