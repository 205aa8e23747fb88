import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readPublished } from './workspace.mjs'

/**
 * Packs everything that is published, as it is published. Needs the build, and pnpm on the path.
 *
 * @param folder - where the tarballs go
 */
export async function packAll(
  root: string,
  folder: string,
): Promise<{ name: string; tarball: string }[]> {
  const words = ['pack', '--json', '--pack-destination', folder]
  return Promise.all(
    readPublished(root).map(async (member) => {
      const { stdout } = await promisify(execFile)('pnpm', words, { cwd: member.folder })
      const { filename } = JSON.parse(stdout) as { filename: string }
      return { name: member.manifest.name, tarball: filename }
    }),
  )
}
