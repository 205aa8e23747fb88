import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { packAll } from '../../tools/pack.js'
import { readManifest } from '../../tools/workspace.mjs'
import { run } from './run.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** A plain npm project with every published package and app installed from its tarball. */
    everything: string
    /** Another one, with `@nomyo/attest` and nothing else. */
    attestOnly: string
  }
}

/** Optional peers, and packages read for or with their types; the newest `openai` needs a newer Node than the workspace. */
const FOR_TYPES = [
  '@ai-sdk/openai-compatible@2.0.87',
  // The types of the AI SDK need it.
  '@types/json-schema@7.0.15',
  'openai@6.49.0',
  'openai-latest@npm:openai@7.59.0',
  'typescript-oldest@npm:typescript@5.7.3',
]

/**
 * Packs everything that is published and installs it with npm, once for all test files: what tests see
 * is what users get.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const root = join(import.meta.dirname, '../..')
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'nomyo-packed-')))
  const packed = await packAll(root, folder)
  const attest = packed.find(({ name }) => name === '@nomyo/attest')?.tarball ?? ''
  const everything = join(folder, 'everything')
  const attestOnly = join(folder, 'attest-only')
  await npmInstall(everything, [
    ...packed.map(({ tarball }) => tarball),
    `@types/node@${String(readManifest(join(root, 'node_modules/@types/node')).version)}`,
    ...FOR_TYPES,
  ])
  await npmInstall(attestOnly, [attest])
  project.provide('everything', everything)
  project.provide('attestOnly', attestOnly)
  return () => rm(folder, { recursive: true })
}

async function npmInstall(folder: string, what: readonly string[]): Promise<void> {
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  const { exitCode, output } = await run('npm', ['install', ...quietly, ...what], folder)
  if (exitCode !== 0) throw new Error(`npm install: ${output}`)
}
