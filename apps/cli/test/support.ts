import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable, type Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import {
  startGateway as startInProcess,
  startProgram,
  temporaryFolder,
  until,
  type Program,
} from '@nomyo-internal/testing'
import '@nomyo-internal/testing/vector-keys'
import { forgeKey, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { formatPolicyFile } from '@nomyo/attest/policy-file'
import { createGateway, type GatewayConfig } from '@nomyo/gateway'
import { onTestFinished } from 'vitest'
import { startWireTap, type WireTap } from '../src/commands/demo/wire-tap.js'
import { runCli } from '../src/program.js'

/** Has processes use the keys of the vectors instead of generated ones. */
export const VECTOR_KEYS = `--import=${import.meta.resolve('@nomyo-internal/testing/vector-keys')}`

/** The built command. */
export const ENTRY = fileURLToPath(new URL('../bin/nomyo.js', import.meta.url))

/** Outcome of one run. */
export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A home folder of its own, without the settings of the user who runs the tests. */
export class Home {
  readonly path = temporaryFolder()
  readonly work = join(this.path, 'work')
  readonly environment: Record<string, string>

  constructor(environment: Record<string, string> = {}) {
    mkdirSync(this.work)
    this.environment = {
      HOME: this.path,
      XDG_CONFIG_HOME: join(this.path, 'config'),
      NODE_OPTIONS: VECTOR_KEYS,
      ...environment,
    }
  }

  config(content: unknown): void {
    const folder = join(this.path, 'config', 'nomyo')
    mkdirSync(folder, { recursive: true })
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    writeFileSync(join(folder, 'config.json'), text)
  }

  /** Path of a file in the working folder. */
  at(name: string): string {
    return join(this.work, name)
  }

  file(name: string, content: string): string {
    writeFileSync(this.at(name), content)
    return this.at(name)
  }

  /** Options of a policy that no machine meets. */
  unmetPolicy(): string[] {
    const pinnedAkNames = [forgedName(forgeKey())]
    const text = formatPolicyFile({ requiredPcrs: 'sha256:0', pinnedAkNames })
    return ['--policy', this.file('unmet.json', text)]
  }

  /** Contents and names of all files. */
  allText(): string {
    return readdirSync(this.path, { recursive: true, withFileTypes: true })
      .map(
        (one) =>
          `${one.name}\n${one.isFile() ? readFileSync(join(one.parentPath, one.name), 'latin1') : ''}`,
      )
      .join('\n')
  }

  /** Runs the command in this process, as with pipes for its streams. */
  async run(
    args: readonly string[],
    { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
  ): Promise<Run> {
    const stdout = collector()
    const stderr = collector()
    const code = await runCli({
      args,
      environment: { ...this.environment, ...env },
      stdin: Readable.from(input === '' ? [] : [Buffer.from(input)]),
      stdout: stdout.stream,
      stderr: stderr.stream,
    })
    return { code, stdout: stdout.text(), stderr: stderr.text() }
  }

  /** Runs the command in this process, with streams that claim to be a terminal. */
  terminal(args: readonly string[]): Terminal {
    const [stdin, screen] = [asTerminal(new PassThrough()), asTerminal(new PassThrough())]
    const environment = { ...this.environment, NO_COLOR: '1' }
    const streams = { stdin, stdout: screen, stderr: screen }
    return new Terminal(stdin, screen, runCli({ args, environment, ...streams }))
  }

  /** Starts the built command on a pseudo terminal of util-linux. */
  pseudoTerminal(args: readonly string[]): Terminal {
    const quoted = [process.execPath, ENTRY, ...args].map((one) => `'${one}'`).join(' ')
    const { stdin, stdout, ended } = spawnScript(quoted, this)
    return new Terminal(stdin, stdout, ended)
  }

  /** Starts the built command as a process. */
  start(args: readonly string[], env: Record<string, string> = {}): Program {
    const options = { env: { ...this.environment, ...env }, cwd: this.work }
    return startProgram(process.execPath, [ENTRY, ...args], options)
  }
}

function collector(): { stream: PassThrough; text: () => string } {
  const stream = new PassThrough()
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return {
    stream,
    // What is written is readable at once.
    text: () => text + String(stream.read() ?? ''),
  }
}

/** A run on a terminal. */
export class Terminal {
  readonly #keyboard: Writable
  readonly #ended: Promise<number | null>
  #seen = 0
  #hasEnded = false
  shown = ''

  constructor(keyboard: Writable, screen: Readable, ended: Promise<number | null>) {
    this.#keyboard = keyboard
    screen.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text.replace(/\r?\n/g, '\r\n')
    })
    this.#ended = ended
    void ended.finally(() => (this.#hasEnded = true))
  }

  /** Waits for texts, each behind the last one waited for. */
  async sees(...texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.#seesOne(text)
  }

  #seesOne(text: string): Promise<true> {
    return until(
      () => {
        const index = this.shown.indexOf(text, this.#seen)
        if (index !== -1) this.#seen = index + text.length
        else if (this.#hasEnded) throw new Error(`not seen: ${text}\n${this.shown}`)
        return index !== -1
      },
      () => `${text}\n${this.shown}`,
    )
  }

  types(text: string): void {
    this.#keyboard.write(text)
  }

  /** Types a line and waits for its output, and for the next prompt. */
  async asks(line: string, ...texts: string[]): Promise<void> {
    this.types(`${line}\r`)
    await this.sees(line.slice(-20), ...texts, '> ')
  }

  ended(): Promise<number | null> {
    return this.#ended
  }
}

function spawnScript(command: string, { environment, work }: Home) {
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'xterm', ...environment },
    cwd: work,
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit').then(([code]: unknown[]) => code as number | null)
  return { stdin: child.stdin, stdout: child.stdout, ended }
}

const asTerminal = (stream: PassThrough): PassThrough & { isTTY: true } =>
  Object.assign(stream, { isTTY: true as const })

/** Starts a gateway in this process. */
export const startGateway = (settings: Partial<GatewayConfig> = {}) =>
  startInProcess(createGateway, settings)

/** Options of a gateway on loopback. */
export const at = (url: string): string[] => ['--gateway', url, '--allow-http']

/** Starts a wire tap before a gateway, for the current test. */
export async function tapBefore({ port }: { readonly port: number }): Promise<WireTap> {
  const tap = await startWireTap()
  onTestFinished(() => tap.close())
  tap.connectTo(port)
  return tap
}

/** Creates a function that writes files which last as long as the tests of the current file. */
export function useFiles(): (content: unknown) => string {
  const folder = temporaryFolder()
  return (content) => {
    const path = join(folder, `${randomUUID()}.json`)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
}
