import { existsSync } from 'node:fs'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { packageNameOf, readMembers } from '../workspace.mjs'

/**
 * Makes a project in which everything is installed: the built packages under their names, and the
 * third-party packages that examples use, as far as a member of the workspace depends on them.
 */
export async function makeConsumer(root: string, folder: string) {
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  const modules = join(folder, 'node_modules')
  const members = readMembers(root)
  for (const member of members) await link(member.folder, join(modules, member.manifest.name))
  for (const from of [...members.map((member) => member.folder), root]) {
    for (const name of await namesIn(join(from, 'node_modules'))) {
      await link(join(from, 'node_modules', name), join(modules, name))
    }
  }
}

async function link(target: string, path: string) {
  if (existsSync(path)) return
  await mkdir(dirname(path), { recursive: true })
  await symlink(target, path)
}

async function namesIn(modules: string): Promise<string[]> {
  if (!existsSync(modules)) return []
  const names = (await readdir(modules)).filter((name) => !name.startsWith('.'))
  const scoped = names.filter((name) => name.startsWith('@'))
  const within = scoped.map(async (scope) =>
    (await readdir(join(modules, scope))).map((name) => packageNameOf(`${scope}/${name}`)),
  )
  return [...names.filter((name) => !name.startsWith('@')), ...(await Promise.all(within)).flat()]
}
