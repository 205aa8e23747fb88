import { existsSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { readManifest, type Manifest } from '../../tools/workspace.mjs'

/** An installed package. */
export interface Installed {
  readonly folder: string
  readonly manifest: Manifest
}

/**
 * Finds what npm has installed for packages of a project: these packages and everything that they need,
 * each where Node would find it. Peers that are missing are optional.
 */
export function installedFor(project: string, names: readonly string[]): Installed[] {
  const found = new Map<string, Installed>()
  const visit = (from: string, name: string): void => {
    const folder = resolveFrom(project, from, name)
    if (folder === undefined || found.has(folder)) return
    const manifest = readManifest(folder)
    found.set(folder, { folder, manifest })
    for (const other of Object.keys(manifest.dependencies ?? {})) visit(folder, other)
  }
  for (const name of names) visit(project, name)
  return [...found.values()]
}

function resolveFrom(project: string, from: string, name: string): string | undefined {
  const folder = join(from, 'node_modules', name)
  if (existsSync(join(folder, 'package.json'))) return folder
  const inside = from.startsWith(project + sep)
  return inside ? resolveFrom(project, dirname(from), name) : undefined
}
