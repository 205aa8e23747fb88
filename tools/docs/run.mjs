import { spawn } from 'node:child_process'
import { generateKeyPair } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { env, execPath, kill } from 'node:process'
import { promisify } from 'node:util'
import ts from 'typescript'
import { isProgram, moduleOf } from './typescript.mjs'

/**
 * @typedef {import('./markdown.mjs').Block} Block
 * @typedef {import('./commands.mjs').Programs} Programs
 */

/**
 * Surroundings in which blocks run.
 *
 * @typedef {object} Surroundings
 * @property {string} root
 * @property {string} consumer folder of the project programs run in
 * @property {Programs} programs
 * @property {string} keyDir server keys of gateways whose block configures none
 */

/** Default ports of gateway and proxy, which examples use; free ports replace them. */
const PORTS_OF_EXAMPLES = /\b(?:12435|12436)\b/g
const LONGEST_MS = 120_000

/**
 * Runs the marked blocks of one file, one after the other, in a temporary folder.
 * `<!-- run: until TEXT -->` keeps a block running for the blocks below once it has printed the text;
 * `<!-- needs: PROGRAM -->` ends the run of the file where the program is missing.
 *
 * @param {readonly Block[]} blocks
 * @param {Surroundings} surroundings
 * @returns {Promise<{ ran: number, findings: string[] }>}
 */
export async function runBlocks(blocks, surroundings) {
  let ran = 0
  if (blocks.every(({ run }) => run === undefined)) return { ran, findings: [] }
  const folder = await mkdtemp(join(tmpdir(), 'nomyo-docs-run-'))
  const [gatewayPort, proxyPort] = [String(await freePort()), String(await freePort())]
  /** @param {string} text */
  const moved = (text) =>
    text.replace(PORTS_OF_EXAMPLES, (port) => (port === '12435' ? gatewayPort : proxyPort))
  /** @type {number[]} */
  const running = []
  try {
    await layOut(folder, surroundings)
    for (const [index, block] of blocks.entries()) {
      const code = moved(block.code)
      if (block.savedAs !== undefined) await writeFile(join(folder, block.savedAs), code)
      if (block.run === undefined) continue
      if (block.needs.some((program) => !isInstalled(program))) break
      const module = { ...block, code, setup: moved(block.setup) }
      const parameters = await commandFor(module, index, surroundings.consumer)
      const settings = {
        NOMYO_PORT: gatewayPort,
        NOMYO_PROXY_PORT: proxyPort,
        ...keysFor(code, surroundings),
      }
      const until = block.run.replace(/^until /, '')
      const fault = await runOne(parameters, folder, settings, until, running)
      if (fault !== undefined) return { ran, findings: [`${block.file}:${block.line}: ${fault}`] }
      ran++
    }
    return { ran, findings: [] }
  } finally {
    for (const group of running) endGroup(group)
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/**
 * Generates one server key for all gateways: generation would take most of the time.
 *
 * @param {string} folder
 */
export async function makeServerKey(folder) {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 4096 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  await mkdir(folder, { mode: 0o700 })
  await writeFile(join(folder, 'private_key.pem'), pem, { mode: 0o600 })
}

/**
 * @param {string} code
 * @param {Surroundings} surroundings
 * @returns {Record<string, string>}
 */
function keysFor(code, { keyDir }) {
  return /--(?:key-dir|config)\b/.test(code) ? {} : { NOMYO_KEY_DIR: keyDir }
}

/**
 * @param {string} folder
 * @param {Surroundings} surroundings
 */
async function layOut(folder, { root, programs }) {
  await symlink(join(root, 'apps'), join(folder, 'apps'))
  await mkdir(join(folder, '.bin'))
  for (const [name, file] of programs) {
    const path = join(folder, '.bin', name)
    await writeFile(path, `#!/bin/sh\nexec '${execPath}' '${file}' "$@"\n`)
    await chmod(path, 0o755)
  }
}

/**
 * @param {Block} block
 * @param {number} index
 * @param {string} consumer
 * @returns {Promise<string[]>}
 */
async function commandFor(block, index, consumer) {
  if (!isProgram(block)) return ['sh', '-eu', '-c', `${block.setup}\n${block.code}`]
  const { outputText } = ts.transpileModule(moduleOf(block), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  })
  const path = join(consumer, `${block.file.replace(/\W/g, '-')}-${index}.mjs`)
  await writeFile(path, outputText)
  return [execPath, path]
}

/**
 * @param {readonly string[]} command
 * @param {string} folder
 * @param {Readonly<Record<string, string>>} settings environment
 * @param {string} until text that it prints when it is ready; empty to wait for its end
 * @param {number[]} running receives the process group
 * @returns {Promise<string | undefined>}
 */
function runOne([program = '', ...parameters], folder, settings, until, running) {
  return new Promise((resolve) => {
    const inherited = Object.entries(env).filter(([name]) => !/^(?:NOMYO|NODE)_/.test(name))
    const child = spawn(program, parameters, {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...Object.fromEntries(inherited),
        HOME: folder,
        ...settings,
        PATH: `${join(folder, '.bin')}:${env['PATH'] ?? ''}`,
      },
    })
    const group = /** @type {number} */ (child.pid)
    running.push(group)
    let output = ''
    const clock = setTimeout(() => end(`takes over ${LONGEST_MS / 1000} s`), LONGEST_MS)
    /** @param {string | undefined} fault */
    const end = (fault) => {
      clearTimeout(clock)
      resolve(fault && `${fault}: ${output.trim().slice(-600)}`)
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (/** @type {Buffer} */ bytes) => {
        output += bytes.toString()
        if (until !== '' && output.includes(until)) end(undefined)
      })
    }
    child.on('exit', (code) => end(code === 0 && until === '' ? undefined : `exit code ${code}`))
  })
}

/** @param {string} program */
function isInstalled(program) {
  const folders = (env['PATH'] ?? '').split(delimiter)
  return folders.some((folder) => existsSync(join(folder, program)))
}

/** @param {number} group */
function endGroup(group) {
  try {
    kill(-group, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })
}
