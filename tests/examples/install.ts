import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import type { TestProject } from 'vitest/node'
import { Unavailable, installPinned } from '@nomyo-internal/testing/install-locked'
import { startProgram } from '@nomyo-internal/testing/program'
import { packAll } from '../../tools/pack.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder below which the imports of every example resolve; none where npm cannot fill it. */
    home: string | undefined
  }
}

/** The packages that examples import. Examples that need a gateway or a proxy start one of the build. */
const PACKAGES = ['nomyo-js', '@nomyo/client', '@nomyo/crypto', '@nomyo/transport', '@nomyo/attest']

/**
 * Installs the packed packages in a folder below the one with the dependencies of the examples, so that
 * one installation of these serves every run.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const pinned = join(import.meta.dirname, 'dependencies')
    const dependencies = await installPinned(pinned, 'examples', 'node_modules/express')
    const home = await installPacked(dependencies)
    project.provide('home', home)
    return () => rm(home, { recursive: true })
  } catch (error) {
    // In CI, they are not missing unnoticed.
    if (process.env['CI'] === 'true' || !(error instanceof Unavailable)) throw error
    console.log(`examples are not tested: ${error.message}`)
    project.provide('home', undefined)
    return () => Promise.resolve()
  }
}

async function installPacked(dependencies: string): Promise<string> {
  const home = await mkdtemp(join(dependencies, 'run-'))
  try {
    const packed = await packAll(join(import.meta.dirname, '../..'), home, PACKAGES)
    await writeFile(join(home, 'package.json'), '{ "private": true }')
    const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    const words = ['install', ...quietly, ...packed.map(({ tarball }) => tarball)]
    const { code, stderr } = await startProgram('npm', words, { cwd: home }).ended
    if (code !== 0)
      throw new Unavailable(`npm could not install the packages: ${stderr.slice(0, 200)}`)
    return home
  } catch (error) {
    await rm(home, { recursive: true })
    throw error
  }
}
