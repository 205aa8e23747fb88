import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { env, execPath, kill } from 'node:process'
import { freePort } from '@nomyo-internal/testing/network'
import ts from 'typescript'
import { isProgram, moduleOf } from './typescript.js'
import type { Programs } from './commands.js'
import type { Block } from './markdown.js'

/** Surroundings in which blocks run. */
export interface Surroundings {
  root: string
  /** Folder of the project programs run in. */
  consumer: string
  programs: Programs
  /** Server keys of gateways whose block configures none. */
  keyDir: string
}

/** Default ports of gateway and proxy, which examples use; free ports replace them. */
const PORTS_OF_EXAMPLES = /\b(?:12435|12436)\b/g
const LONGEST_MS = 120_000

/**
 * Runs the marked blocks of one file, one after the other, in a temporary folder.
 * `<!-- run: until TEXT -->` keeps a block running for the blocks below once it has printed the text;
 * `<!-- needs: PROGRAM -->` ends the run of the file where the program is missing.
 */
export async function runBlocks(
  blocks: readonly Block[],
  surroundings: Surroundings,
): Promise<{ ran: number; findings: string[] }> {
  let ran = 0
  if (blocks.every(({ run }) => run === undefined)) return { ran, findings: [] }
  const folder = await mkdtemp(join(tmpdir(), 'nomyo-docs-run-'))
  const [gatewayPort, proxyPort] = [String(await freePort()), String(await freePort())]
  const moved = (text: string) =>
    text.replace(PORTS_OF_EXAMPLES, (port) => (port === '12435' ? gatewayPort : proxyPort))
  const running: number[] = []
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

function keysFor(code: string, { keyDir }: Surroundings): Record<string, string> {
  return /--(?:key-dir|config)\b/.test(code) ? {} : { NOMYO_KEY_DIR: keyDir }
}

async function layOut(folder: string, { root, programs }: Surroundings) {
  await symlink(join(root, 'apps'), join(folder, 'apps'))
  await mkdir(join(folder, '.bin'))
  for (const [name, file] of programs) {
    const path = join(folder, '.bin', name)
    await writeFile(path, `#!/bin/sh\nexec '${execPath}' '${file}' "$@"\n`)
    await chmod(path, 0o755)
  }
}

async function commandFor(block: Block, index: number, consumer: string): Promise<string[]> {
  if (!isProgram(block)) return ['sh', '-eu', '-c', `${block.setup}\n${block.code}`]
  const { outputText } = ts.transpileModule(moduleOf(block), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  })
  const path = join(consumer, `${block.file.replace(/\W/g, '-')}-${index}.mjs`)
  await writeFile(path, outputText)
  return [execPath, path]
}

/**
 * @param settings - environment
 * @param until - text that it prints when it is ready; empty to wait for its end
 * @param running - receives the process group
 */
function runOne(
  [program = '', ...parameters]: readonly string[],
  folder: string,
  settings: Readonly<Record<string, string>>,
  until: string,
  running: number[],
): Promise<string | undefined> {
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
    const group = child.pid!
    running.push(group)
    let output = ''
    const clock = setTimeout(() => end(`takes over ${LONGEST_MS / 1000} s`), LONGEST_MS)
    const end = (fault: string | undefined) => {
      clearTimeout(clock)
      resolve(fault && `${fault}: ${output.trim().slice(-600)}`)
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        output += bytes.toString()
        if (until !== '' && output.includes(until)) end(undefined)
      })
    }
    child.on('exit', (code) => end(code === 0 && until === '' ? undefined : `exit code ${code}`))
  })
}

function isInstalled(program: string) {
  const folders = (env['PATH'] ?? '').split(delimiter)
  return folders.some((folder) => existsSync(join(folder, program)))
}

function endGroup(group: number) {
  try {
    kill(-group, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
