import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readPublished } from './workspace.mjs'

/**
 * Packs what is published, as it is published. Needs the build, and pnpm on the path.
 *
 * @param folder - where the tarballs go
 * @param names - of packages. Default: all
 */
export async function packAll(
  root: string,
  folder: string,
  names?: readonly string[],
): Promise<{ name: string; tarball: string }[]> {
  const words = ['pack', '--json', '--pack-destination', folder]
  const all = readPublished(root)
  const chosen = all.filter(({ manifest }) => names?.includes(manifest.name) ?? true)
  return Promise.all(
    chosen.map(async (member) => {
      const { stdout } = await promisify(execFile)('pnpm', words, { cwd: member.folder })
      const { filename } = JSON.parse(stdout) as { filename: string }
      return { name: member.manifest.name, tarball: filename }
    }),
  )
}
