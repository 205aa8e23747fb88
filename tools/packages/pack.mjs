import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readPublished } from '../workspace.mjs'

/**
 * Packs one member the way it is published. Needs its build, and pnpm on the path.
 *
 * @param {import('../workspace.mjs').Member} member
 * @param {string} folder where the tarball goes
 * @returns {Promise<string>} the path of the tarball
 * @throws Error with the output of pnpm
 */
export async function pack(member, folder) {
  const { stdout } = await promisify(execFile)(
    'pnpm',
    ['pack', '--json', '--pack-destination', folder],
    { cwd: member.folder },
  )
  return /** @type {{ filename: string }} */ (JSON.parse(stdout)).filename
}

/**
 * Packs everything that is published.
 *
 * @param {string} root
 * @param {string} folder
 * @returns {Promise<{ member: import('../workspace.mjs').Member, tarball: string }[]>}
 */
export async function packAll(root, folder) {
  return Promise.all(
    readPublished(root).map(async (member) => ({ member, tarball: await pack(member, folder) })),
  )
}
