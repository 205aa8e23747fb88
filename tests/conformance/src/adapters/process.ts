// Node, Bun and Deno: process.js <file with the settings> <file for the outcomes> <folder for files>
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import * as knownServers from '@nomyo/client/known-servers'
import * as keyFiles from '@nomyo/crypto/keys/node'
import { runSuites } from '../suites/case.js'
import { allSuites, type Settings } from '../suites/suites.js'
import { libraries } from './libraries.js'

const [settingsPath = '', outcomesPath = '', folder = ''] = process.argv.slice(2)
const settings = JSON.parse(await readFile(settingsPath, 'utf8')) as Settings
const files = {
  keyFiles,
  knownServers,
  makeFolder: () => mkdtemp(join(folder, 'files-')),
  modeOf: async (path: string) =>
    process.platform === 'win32' ? undefined : (await stat(path)).mode & 0o777,
}
const outcomes = await runSuites(allSuites(libraries, settings, files))
await writeFile(outcomesPath, JSON.stringify(outcomes))
// The packages keep no process alive, but a key that is still being generated does.
process.exit(0)
